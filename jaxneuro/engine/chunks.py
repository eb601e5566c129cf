"""What the files of a store hold: the facts of a run, and arrays that are parts of its results."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

FORMAT = 1  # of the manifest and the chunks


class StoreError(ValueError):
    """A folder of results that cannot be used as it is. Says why, and what to do."""


class StoreWriteError(OSError, StoreError):
    """A folder that cannot be written: full, read-only, gone. What is in it stays whole."""

    def __init__(self, folder: Path, error: OSError):
        super().__init__(
            f"cannot write results to {folder}: {error.strerror or error}. The chunks in it are "
            "whole: once it can be written, the same call goes on from there, to the same bits"
        )
        self.errno = error.errno


def digest_of(run: dict) -> str:
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def read_manifest(path: Path) -> dict | None:
    """The facts of the run; None if there is no manifest."""
    try:
        found = json.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        run, version = found.get("run"), found.get("manifest", 0 if "jaxneuro" in found else None)
        if isinstance(version, int) and version != FORMAT:
            raise StoreError(
                f"{path} is in format {version} and this version of jaxneuro reads {FORMAT}: "
                "resume with the version that wrote it, or choose another folder"
            )
        if version == FORMAT and isinstance(run, dict) and digest_of(run) == found.get("sha256"):
            return run
    raise StoreError(
        f"{path} is damaged. Delete this one file and call again: each chunk says itself which run "
        "it is of, and those of this run are kept. Or choose another folder"
    )


def arrays_of(data: bytes) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as chunk:
            return {name: chunk[name] for name in chunk.files}
    except MemoryError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise some ten kinds for foreign bytes
        raise StoreError(f"is foreign (no archive of arrays: {error})") from error


def part_of(chunk: dict[str, np.ndarray], like: Mapping[str, np.ndarray]) -> dict:
    """The chunk, if it is a part of the arrays `like`."""
    fit = chunk.get("fit")
    if fit is None or fit.ndim != 1 or fit.dtype.kind not in "iu":
        raise StoreError("is foreign (it does not number its fits)")
    if {*chunk} - {"fit"} != {*like}:
        raise StoreError("is foreign (it has other fields)")
    for name, whole in like.items():
        if chunk[name].dtype.kind == "V" and chunk[name].dtype.itemsize == whole.dtype.itemsize:
            chunk[name] = chunk[name].view(whole.dtype)  # NumPy's files do not know bfloat16
        if (chunk[name].shape, chunk[name].dtype) != ((len(fit), *whole.shape[1:]), whole.dtype):
            raise StoreError(f"is foreign (its {name} has another shape or dtype)")
        if fit.size and (fit.min() < 0 or fit.max() >= len(whole)):
            raise StoreError("is foreign (it has fits that this run has not)")
    return chunk
