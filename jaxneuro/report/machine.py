"""What made the numbers."""

import platform
from importlib import metadata

from jaxneuro.version import __version__


def versions() -> dict[str, str]:
    """The software and the device that made the numbers, ready for `provenance`."""
    import jax

    devices = jax.devices()
    count = f"{len(devices)} x " if len(devices) > 1 else ""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    return (
        {"jaxneuro": __version__}
        | {name: metadata.version(name) for name in packages}
        | {"Python": platform.python_version(), "device": count + devices[0].device_kind}
    )
