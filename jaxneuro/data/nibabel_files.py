"""Files that nibabel reads and writes: opened with words for a person, replaced in one step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jaxneuro.extras import needed


def opened(path: Any) -> Any:
    """What nibabel makes of a file.

    Raises:
      FileNotFoundError, ValueError: it is not there, or no image; ImportError: no nibabel.
    """
    nibabel = needed("nibabel", "imaging")
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        return nibabel.load(path)
    except Exception as error:  # nibabel raises many kinds for files that are no images
        raise ValueError(f"{path}: not an image that nibabel reads ({error}).") from error


def written(image: Any, path: Path) -> Path:
    """Writes the image whole or not at all."""
    # nibabel goes by the ending, so the partial file has it too.
    partial = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        needed("nibabel", "imaging").save(image, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
