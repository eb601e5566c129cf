"""One file of arrays and texts: a zip of `.npy` entries, whole or refused.

The zip's comment is the sha256 of all bytes before it. NumPy opens the file too (`numpy.load`), and
nothing in it is pickled.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_DIGITS = 64  # of a sha256


class LoadError(ValueError):
    """A file that is no result of jaxneuro, is damaged, or of a later version."""


def write(path: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, bytes]) -> None:
    """Puts all into `path`, in one step: whoever reads it sees the old file or the new one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compresslevel=1) as file:
        for name, text in texts.items():
            file.writestr(_entry(name), text)
        for name, array in arrays.items():
            with file.open(_entry(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
        file.comment = b"0" * _DIGITS
    body = buffer.getbuffer()[:-_DIGITS]
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(partial, "wb") as file:
            file.write(body)
            file.write(hashlib.sha256(body).hexdigest().encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    """Of no date: the same result gives the same bytes."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, bytes]]:
    """The arrays and the texts of `path`.

    Raises:
      FileNotFoundError, OSError: it is not there, or cannot be read.
      LoadError: it is damaged, or no such file.
    """
    content = path.read_bytes()
    if not content.startswith(b"PK"):
        raise LoadError(f"{path} is no result of jaxneuro: it does not begin as one")
    if hashlib.sha256(content[:-_DIGITS]).hexdigest().encode() != content[-_DIGITS:]:
        raise LoadError(
            f"{path} is damaged, or no result of jaxneuro: its checksum does not match its "
            f"{len(content)} bytes. Copy it again from where it was written"
        )
    arrays, texts = {}, {}
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            if name.endswith(".npy"):
                entry = io.BytesIO(file.read(name))
                arrays[name[:-4]] = np.lib.format.read_array(entry, allow_pickle=False)
            else:
                texts[name] = file.read(name)
    return arrays, texts
