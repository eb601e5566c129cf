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
import re
import socket
import time
import uuid
import warnings
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # not a POSIX system: folders are not locked there
    fcntl = None

_MANIFEST, _LOCK = "manifest.json", ".lock"
_FORMAT = 1  # of the manifest and the chunks
_HOST = re.sub(r"\W", "-", socket.gethostname()) or "-"
_PROCESS = uuid.uuid4().hex[:8]  # another process may have had this one's number
_PART = re.compile(r"\..+?(?:\.(?P<host>[^.]+)\.(?P<process>[0-9a-f]{8}))?\.(?P<pid>\d+)\.part")
_DAY = 86400.0  # no write takes so many seconds


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


class Store:
    """A folder of results of one run of `fit_many`, held until it is closed."""

    def __init__(self, folder: str | os.PathLike, run: Mapping[str, object]):
        """Opens the folder, or makes it.

        Args:
          folder: where.
          run: JSON-able facts that must be the same for a run to be resumed.

        Raises:
          StoreError: the folder holds another run (each fact that differs is named), its manifest
            is damaged, another run is at work in it, or it cannot be written.
        """
        self.folder = Path(folder)
        facts: dict = json.loads(json.dumps(run))
        self._run = _digest(facts)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreWriteError(self.folder, error) from error
        self._lock = _Lock(self.folder)
        try:
            _remove_leftovers(self.folder)
            self._agree(facts)
        except BaseException:
            self.close()
            raise

    def _agree(self, run: dict) -> None:
        """Compares the manifest, if there is one, with this run, or writes it."""
        manifest = self.folder / _MANIFEST
        was = _read_manifest(manifest)
        if was is None:
            sealed = {"manifest": _FORMAT, "sha256": self._run, "run": run}
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
        run = _read_manifest(Path(folder) / _MANIFEST)
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
        chunk = _arrays(data)
        run = chunk.pop("run", None)
        if run is None or str(run) != self._run:
            raise StoreError("is foreign (of another run)")
        return chunk if like is None else _part_of(chunk, like)

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


def _digest(run: dict) -> str:
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def _read_manifest(path: Path) -> dict | None:
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
        if isinstance(version, int) and version != _FORMAT:
            raise StoreError(
                f"{path} is in format {version} and this version of jaxneuro reads {_FORMAT}: "
                "resume with the version that wrote it, or choose another folder"
            )
        if version == _FORMAT and isinstance(run, dict) and _digest(run) == found.get("sha256"):
            return run
    raise StoreError(
        f"{path} is damaged. Delete this one file and call again: each chunk says itself which run "
        "it is of, and those of this run are kept. Or choose another folder"
    )


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as chunk:
            return {name: chunk[name] for name in chunk.files}
    except MemoryError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise some ten kinds for foreign bytes
        raise StoreError(f"is foreign (no archive of arrays: {error})") from error


def _part_of(chunk: dict[str, np.ndarray], like: Mapping[str, np.ndarray]) -> dict:
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


class _Lock:
    """A folder held by one run. The kernel lets go of it when a process ends, however it ends."""

    def __init__(self, folder: Path):
        """Raises StoreError if another run holds it; goes on where there is nothing to lock."""
        path = folder / _LOCK
        held = _held(path)
        # Whoever forgets to release it, or fails on the way, does so when the store is collected.
        self._finalizer = weakref.finalize(self, _let_go, path, held, os.getpid())

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
    return f"process {os.getpid()} on {_HOST}"


def _remove_leftovers(folder: Path) -> None:
    """Removes the files that dead processes were writing."""
    for path in folder.glob(".*.part"):
        writer = _PART.fullmatch(path.name)
        with contextlib.suppress(OSError):
            if writer and _is_dead(path, **writer.groupdict()):
                path.unlink()


def _is_dead(path: Path, host: str | None, process: str | None, pid: str) -> bool:
    if host not in (None, _HOST):
        return time.time() - path.stat().st_mtime > _DAY
    if int(pid) == os.getpid():
        return process not in (None, _PROCESS)
    if os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it lives, as another user
        return False
    return False


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{_HOST}.{_PROCESS}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise StoreWriteError(path.parent, error) from error
    finally:
        with contextlib.suppress(OSError):  # renamed, as a rule
            temporary.unlink()


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        held = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)
