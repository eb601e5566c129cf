"""A recording as decoders see it; from `jaxneuro.compare`."""

from jaxneuro.compare.recording import Recording, make_recording, units

__all__ = ["Recording", "make_recording", "units"]
