"""One case in this process: `python -m benchmarks.case module:function FILE [--quick]
[--against WORD ...]`."""

import argparse
import importlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import jax

from benchmarks.timing import Case, measure

_PACKAGES = ("jax", "flax", "optax", "numpy", "torch", "nemos", "himalaya", "scikit-learn")


def main() -> None:
    """Writes the case's records, each with the machine and the versions it ran on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("where")
    parser.add_argument("path", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--against", nargs="*")
    options = parser.parse_args()
    module, name = options.where.split(":")
    made: Any = getattr(importlib.import_module(f"benchmarks.{module}"), name)(options.quick)
    if isinstance(made, Case):
        made = made if options.against is None else made.against(options.against)
        records = measure(made, 1 if options.quick else 5)
    else:
        records = made
    facts = {"machine": _machine(), "versions": _versions()}
    options.path.write_text(json.dumps([{**record, **facts} for record in records]))


def _machine() -> str:
    device = jax.local_devices()[0]
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    kind = "" if device.platform == "cpu" else f", {device.device_kind}"
    return f"{processor}, {jax.local_device_count()} {device.platform} devices{kind}"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
