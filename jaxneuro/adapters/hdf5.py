"""HDF5 files whose writers we do not know: nothing in them may lead out of the file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxneuro.extras import needed


def opened(path: Any, extra: str) -> Any:
    """An `h5py.File`, to read.

    Raises:
      FileNotFoundError: no such file.
      ImportError: h5py is not installed.
      ValueError: no HDF5, or damaged.
    """
    h5py = needed("h5py", extra)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: not an HDF5 file, or damaged ({error})") from error


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """ValueError, whatever a damaged file makes h5py raise; `where` begins it."""
    try:
        yield
    except (ImportError, ValueError):
        raise
    except Exception as error:
        raise ValueError(f"{where}: damaged ({error})") from error


def member(group: Any, name: str, where: str) -> Any:
    """What lies in a group under this name itself.

    Raises:
      ValueError: a link, to another file or within this one, or data that lie in other files.
    """
    h5py = needed("h5py", "matlab")
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{where}: is a link, which is not followed")
    found = group[name]
    check_inside(found, where)
    return found


def check_inside(found: Any, where: str) -> None:
    """ValueError: the data of this dataset lie in other files."""
    if hasattr(found, "is_virtual") and (found.is_virtual or found.external):
        raise ValueError(f"{where}: its data lie in another file, which is not read")


def address(found: Any) -> int:
    """Of a group or dataset in its file."""
    return needed("h5py", "matlab").h5o.get_info(found.id).addr


def check_whole(path: Any, extra: str) -> None:
    """ValueError: anything in the file leads out of it. Links within are fine."""
    with opened(path, extra) as file, reading(str(path)):
        h5py, seen = needed("h5py", extra), set()
        stack = [("", file)]
        while stack:
            at, group = stack.pop()
            for name in group:
                where, link = f"{at}/{name}", group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise ValueError(
                        f"{path}: {where} is a link into {link.filename}, which is not followed: "
                        "if it is to be trusted, open the file yourself and pass what you opened"
                    )
                if not isinstance(link, h5py.HardLink):
                    continue
                found = group[name]
                check_inside(found, f"{path}: {where}")
                # Hard links may form circles.
                if isinstance(found, h5py.Group) and (place := address(found)) not in seen:
                    seen.add(place)
                    stack.append((where, found))
