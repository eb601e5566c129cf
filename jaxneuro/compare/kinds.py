"""What a job's own contenders find, taken apart for a file and put together again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxneuro.selection.saved import Arrays


class Kind(NamedTuple):
    """How to save what a contender has found, of which the comparison knows nothing.

    Attributes:
      name: in the file.
      of: its class.
      packed: found -> its arrays by name, and facts for JSON.
      unpacked: (arrays, facts) -> found.
      trials: whether it follows time by itself, as `View.trials`.
    """

    name: str
    of: type
    packed: Callable[[Any], tuple[Arrays, dict[str, Any]]]
    unpacked: Callable[[Arrays, dict[str, Any]], Any]
    trials: bool = False
