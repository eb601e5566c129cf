"""Which of the things in a file are meant: what is clear is taken, the rest asked for by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_OWN = ("groups", "trials", "stimulus", "test", "dt", "feature_names", "target_names")


def find(where: Any, name: str, known: Collection[str], holds: str) -> str:
    """The one of these names, or the one whose last part it is."""
    fits = [name] if name in known else [k for k in known if k.endswith(f"/{name}")]
    if len(fits) != 1:
        what = f"{len(fits)} things are" if fits else "nothing is"
        raise ValueError(f"{where}: {what} called {name!r}; this file holds {holds}")
    return fits[0]


def x_and_y(
    where: Any,
    picks: Mapping[str, str | None],
    clear: Collection[str],
    holds: str,
    known: Collection[str] = (),
) -> tuple[str, str]:
    """x and y; of `clear` is the one that is not named, where the other leaves one thing only."""
    x, y = (None if (pick := picks[role]) is None else find(where, pick, [*clear, *known], holds)
            for role in "xy")  # fmt: skip
    left = [name for name in clear if name not in (x, y)]
    if (x is None and y is None) or ((x is None or y is None) and len(left) != 1):
        missing = " and ".join(f"--{role}" for role, name in (("x", x), ("y", y)) if name is None)
        raise ValueError(f"{where}: this file holds {holds}: say {missing}")
    return left[0] if x is None else x, left[0] if y is None else y


def named(
    where: Any, known: Collection[str], picks: Mapping[str, str | None], holds: str
) -> dict[str, str]:
    """Fields that have their name in the file already, or are named now: {role: name}."""
    own = {role: role if picks[role] is None and role in known else picks[role] for role in "xy"}
    clear = [name for name in known if name not in _OWN and name not in picks.values()]
    own["x"], own["y"] = x_and_y(where, own, clear, holds, known)
    names = {role: role for role in _OWN if role in known and role not in own.values()}
    for role in ("trials", "groups"):
        if (pick := picks[role]) is not None:
            names[role] = find(where, pick, known, holds)
    return {"x": own["x"], "y": own["y"], **names}
