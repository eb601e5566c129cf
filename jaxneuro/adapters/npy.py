"""Single npy files that spike sorters and others write, never unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def folder_of(path: Any) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    return folder


def read_npy(path: Path, kinds: str = "iuf") -> NDArray[Any]:
    """An array, mapped from the file: no header can claim what is not there.

    Raises:
      FileNotFoundError: no such file.
      ValueError: no npy, of Python objects, shorter than it says, or of another kind of numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a whole file of plain numbers ({error})") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in kinds:
        kind = getattr(found, "dtype", type(found).__name__)
        raise ValueError(f"{path}: {kind} is not the kind of numbers that belongs here")
    return found
