"""Files and folders for a while bear the name of who made them; those of the dead are removed."""

import contextlib
import os
import re
import shutil
import socket
import time
import uuid
from pathlib import Path

HOST = re.sub(r"\W", "-", socket.gethostname()) or "-"
_PROCESS = uuid.uuid4().hex[:8]  # another process may have had this one's number
_PART = re.compile(r"\..+?(?:\.(?P<host>[^.]+)\.(?P<process>[0-9a-f]{8}))?\.(?P<pid>\d+)\.part")
_DAY = 86400.0  # no write takes so many seconds


def unfinished(path: Path) -> Path:
    """Where this process writes what will be `path`."""
    return path.with_name(f".{path.name}.{HOST}.{_PROCESS}.{os.getpid()}.part")


def remove_leftovers(folder: Path) -> None:
    """Removes what dead processes were writing."""
    for path in folder.glob(".*.part"):
        writer = _PART.fullmatch(path.name)
        with contextlib.suppress(OSError):
            if writer and _is_dead(path, **writer.groupdict()):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_dead(path: Path, host: str | None, process: str | None, pid: str) -> bool:
    if host not in (None, HOST):
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


def sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        held = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)
