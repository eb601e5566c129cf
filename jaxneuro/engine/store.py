"""Results on disk: atomic, checksummed chunks and one manifest. A killed run resumes.

Each chunk is an uncompressed npz whose name carries the sha256 of its bytes; it is written under
another name, synced and renamed, so a chunk that can be seen is whole. The manifest, written once
and checksummed as well, holds what the run is, and each chunk says which run it is of: another
run's folder is refused, a damaged or foreign chunk is set aside and its fits run again. One run at
a time holds a folder.
"""

import contextlib
import hashlib
import io
import json
import os
import warnings
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from jaxneuro.engine.chunks import (
    FORMAT,
    StoreError,
    StoreWriteError,
    arrays_of,
    digest_of,
    part_of,
    read_manifest,
)
from jaxneuro.engine.writing import HOST, remove_leftovers, sync, unfinished

try:
    import fcntl
except ImportError:  # not a POSIX system: folders are not locked there
    fcntl = None

_MANIFEST, _LOCK = "manifest.json", ".lock"


class Store:
    """A folder of results of one run of `fit_many`, held until it is closed."""

    def __init__(
        self, folder: str | os.PathLike, run: Mapping[str, object], share: int | None = None
    ):
        """Opens the folder, or makes it.

        Args:
          folder: where.
          run: JSON-able facts that must be the same for a run to be resumed.
          share: the number of this process, where several write their shares of one run; None: it
            is alone.

        Raises:
          StoreError: the folder holds another run (each fact that differs is named), its manifest
            is damaged, another run is at work in it, or it cannot be written.
        """
        self.folder = Path(folder)
        facts: dict = json.loads(json.dumps(run))
        self._run = digest_of(facts)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreWriteError(self.folder, error) from error
        self._lock = _Lock(self.folder, share)
        try:
            remove_leftovers(self.folder)
            self._agree(facts)
        except BaseException:
            self.close()
            raise

    def _agree(self, run: dict) -> None:
        """Compares the manifest, if there is one, with this run, or writes it."""
        manifest = self.folder / _MANIFEST
        was = read_manifest(manifest)
        if was is None:
            sealed = {"manifest": FORMAT, "sha256": self._run, "run": run}
            _write(manifest, json.dumps(sealed, indent=1).encode())
            return
        differing = sorted(k for k in {*was, *run} if was.get(k) != run.get(k))
        if differing:
            told = ", ".join(f"{k} (was {was.get(k)}, is {run.get(k)})" for k in differing)
            raise StoreError(
                f"{self.folder} holds another run: {told}. Choose another folder, or delete it"
            )

    @staticmethod
    def lanes_of(folder: str | os.PathLike) -> int | None:
        """The lane count of the run in `folder`, if one was begun: a resumed run keeps it.

        Raises:
          StoreError: its manifest is damaged, or of another version.
        """
        run = read_manifest(Path(folder) / _MANIFEST)
        return None if run is None else run.get("lanes")

    def append(self, results: Mapping[str, np.ndarray]) -> None:
        """Writes one chunk; `results["fit"]` (fit,) holds the fits' numbers.

        Raises:
          StoreWriteError: it could not be written, and nothing of it is left.
        """
        buffer = io.BytesIO()
        np.savez(buffer, run=np.array(self._run), **results)  # pyright: ignore[reportArgumentType]
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        _write(self.folder / f"chunk-{int(results['fit'].min()):09d}-{digest}.npz", data)

    def chunks(self, like: Mapping[str, np.ndarray] | None = None) -> Iterator[dict]:
        """All chunks of this run. Others are warned of and set aside: their fits run anew.

        Args:
          like: arrays (fit, ...) by name, of all fits, that the chunks must be parts of.
        """
        for path in sorted(self.folder.glob("chunk-*.npz")):
            try:
                chunk = self._read(path, like)
            except StoreError as error:
                with contextlib.suppress(OSError):  # in a read-only folder it stays
                    os.replace(path, path.with_suffix(".damaged"))
                warnings.warn(f"{path} {error}: set aside; its fits run again", stacklevel=2)
            else:
                yield chunk

    def _read(self, path: Path, like: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise OSError(error.errno, f"cannot read {path}: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != path.stem.rsplit("-", 1)[1]:
            raise StoreError("is damaged (its checksum differs)")
        chunk = arrays_of(data)
        run = chunk.pop("run", None)
        if run is None or str(run) != self._run:
            raise StoreError("is foreign (of another run)")
        return chunk if like is None else part_of(chunk, like)

    def close(self) -> None:
        """Lets go of the folder, for other runs."""
        self._lock.release()


def fingerprint(arrays) -> str:
    """sha256 over shapes, dtypes and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


class _Lock:
    """A folder held by one run. The kernel lets go of it when a process ends, however it ends."""

    def __init__(self, folder: Path, share: int | None):
        """Raises StoreError if another run holds it; goes on where there is nothing to lock."""
        path = folder / (_LOCK if share is None else f"{_LOCK}-{share}")
        # Whoever forgets to release it, or fails on the way, does so when the store is collected.
        self._finalizer = weakref.finalize(self, _let_go, path, _held(path), os.getpid())
        for other in folder.glob(f"{_LOCK}-*" if share is None else _LOCK):
            try:
                _let_go(other, _held(other), os.getpid())
            except StoreError:
                self.release()
                raise

    def release(self) -> None:
        self._finalizer()


def _held(path: Path) -> int | None:
    """An open file with a lock on it; None where locks, or files, cannot be made."""
    while fcntl is not None:
        held = _opened(path)
        if held is None:
            return None
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(held, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(held)
            own = " (this one)" if holder == _name() else ""
            raise StoreError(
                f"{path.parent} is in use by {holder}{own}: wait until it ends, or choose another "
                "folder"
            ) from None
        except OSError:  # a file system without locks
            os.close(held)
            return None
        if _is_at(path, held):
            with contextlib.suppress(OSError):  # a full disk: the name is for messages only
                os.ftruncate(held, 0)
                os.pwrite(held, _name().encode(), 0)
            return held
        os.close(held)  # its last holder has just removed it
    return None


def _opened(path: Path) -> int | None:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # the second: a file of another user
        with contextlib.suppress(OSError):
            return os.open(path, flags, 0o666)
    return None  # a folder that is read-only or full may hold a finished run


def _is_at(path: Path, held: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(held))
    except OSError:
        return False


def _let_go(path: Path, held: int | None, pid: int) -> None:
    if held is None:
        return
    if os.getpid() == pid:  # not in a fork, which has the open file of its parent
        with contextlib.suppress(OSError):
            os.unlink(path)
        assert fcntl is not None
        fcntl.flock(held, fcntl.LOCK_UN)  # forks keep the file open
    os.close(held)


def _name() -> str:
    return f"process {os.getpid()} on {HOST}"


def _write(path: Path, data: bytes) -> None:
    temporary = unfinished(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise StoreWriteError(path.parent, error) from error
    finally:
        with contextlib.suppress(OSError):  # renamed, as a rule
            temporary.unlink()
