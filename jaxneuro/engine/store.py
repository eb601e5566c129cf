"""Results on disk: atomic, checksummed chunks and one manifest. A killed run resumes.

Each chunk is an uncompressed npz whose name carries the sha256 of its bytes; it is written under
another name, synced and renamed, so a chunk that can be seen is whole. The manifest, written once,
holds what the run is: another run's folder is refused, a damaged chunk is fitted again.
"""

import hashlib
import io
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_MANIFEST = "manifest.json"


class Store:
    """A folder of results of one run of `fit_many`."""

    def __init__(self, folder: str | os.PathLike, run: Mapping[str, object]):
        """Opens the folder, or makes it.

        Args:
          folder: where.
          run: JSON-able facts that must be the same for a run to be resumed.

        Raises:
          ValueError: the folder holds another run; names each fact that differs.
        """
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        manifest = self.folder / _MANIFEST
        run = json.loads(json.dumps(run))
        if manifest.exists():
            was = json.loads(manifest.read_text())
            differing = sorted(k for k in {*was, *run} if was.get(k) != run.get(k))
            if differing:
                told = ", ".join(f"{k} (was {was.get(k)}, is {run.get(k)})" for k in differing)
                raise ValueError(
                    f"{self.folder} holds another run: {told}. Choose another folder, or delete it"
                )
        else:
            _write(manifest, json.dumps(run, indent=1).encode())

    @staticmethod
    def lanes_of(folder: str | os.PathLike) -> int | None:
        """The lane count of the run in `folder`, if one was begun: a resumed run keeps it."""
        manifest = Path(folder) / _MANIFEST
        return json.loads(manifest.read_text())["lanes"] if manifest.exists() else None

    def append(self, results: Mapping[str, np.ndarray]) -> None:
        """Writes one chunk; `results["fit"]` (fit,) holds the fits' numbers."""
        buffer = io.BytesIO()
        np.savez(buffer, **results)  # pyright: ignore[reportArgumentType]
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        _write(self.folder / f"chunk-{int(results['fit'].min()):09d}-{digest}.npz", data)

    def chunks(self):
        """All whole chunks. A damaged one is warned of and set aside, so that it is fitted anew."""
        for path in sorted(self.folder.glob("chunk-*.npz")):
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != path.stem.rsplit("-", 1)[1]:
                path.rename(path.with_suffix(".damaged"))
                warnings.warn(
                    f"{path.name} is damaged (its checksum differs): set aside; its fits run again",
                    stacklevel=2,
                )
                continue
            with np.load(io.BytesIO(data), allow_pickle=False) as chunk:
                yield {name: chunk[name] for name in chunk.files}


def fingerprint(arrays) -> str:
    """sha256 over shapes, dtypes and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
