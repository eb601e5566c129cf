"""When a target needs no more permutations, and what its p-value then is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.statistics.arrays import Floats

_HALF = 1000  # permutations by which half of the permitted error may be spent


class Rule(NamedTuple):
    """Looks at the number of exceedances: permutations that did at least as well as observed.

    Attributes:
      looks: (look,) permutations drawn by then.
      lower, upper: (look,) settled at or below, and at or above, so many exceedances; at the last
        look everything is.
      p: by (permutations, exceedances) at which a target stops, its p-value.
    """

    looks: NDArray[np.int64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    p: dict[tuple[int, int], float]


def make_rule(most: int, batch: int, alpha: float | None, error: float, exceedances: int) -> Rule:
    """The rule for at most so many permutations, drawn in batches that grow by a quarter.

    With `alpha`, boundaries that are crossed by chance, towards either side, with probability
    `error` at most by a target whose true p is `alpha` (Gandy 2009, J. Am. Stat. Assoc. 104:1504).
    With None, targets stop at so many exceedances (Besag & Clifford 1991, Biometrika 78:301).

    A p-value is the chance, under the null, to stop at as small a (b + 1)/(n + 1) or smaller: exact
    for whatever rule (Fay, Kim & Hachey 2007, J. Comput. Graph. Stat. 16:946).
    """
    looks = [min(batch, most)]
    while looks[-1] < most:
        looks.append(min(most, looks[-1] + max(batch, looks[-1] // 4)))
    if alpha is None:
        lower, upper = [-1] * len(looks), [exceedances] * len(looks)
    else:
        lower, upper = _boundaries(looks, alpha, error)
    p = _p_values(looks, lower, upper)
    return Rule(np.array(looks), np.array(lower), np.array(upper), p)


def _boundaries(looks: list[int], alpha: float, error: float) -> tuple[list[int], list[int]]:
    lower, upper, logs = [], [], _log_factorials(looks[-1])
    chance, before = np.ones(1), 0  # of each number of exceedances, when nothing is settled
    spent = np.zeros(2)
    for n in looks:
        j = np.arange(n - before + 1)
        step = np.exp(
            logs[j[-1]] - logs[j] - logs[j[::-1]]
            + j * np.log(alpha) + j[::-1] * np.log1p(-alpha)
        )  # fmt: skip
        chance, before = np.convolve(chance, step), n
        allowed = error * n / (_HALF + n) - spent
        down = int(np.searchsorted(np.cumsum(chance), allowed[0], side="right")) - 1
        up = len(chance) - int(np.searchsorted(np.cumsum(chance[::-1]), allowed[1], side="right"))
        spent += chance[: down + 1].sum(), chance[up:].sum()
        chance[: down + 1] = chance[up:] = 0
        lower.append(down)
        upper.append(up)
    return lower, upper


def _p_values(looks: list[int], lower: list[int], upper: list[int]) -> dict:
    """Under the null the true p is uniform, and exceedances are those of Pólya's urn: after s of n,
    the next is one with probability (s + 1)/(n + 2)."""
    logs = _log_factorials(looks[-1] + 1)
    open_, before = {0: 1.0}, 0  # exceedances of targets that are not settled, and their chance
    stopped: list[tuple[float, int, int, float]] = []
    for n, low, high in zip(looks, lower, upper, strict=True):
        m, reached = n - before, np.zeros(n + 1)
        j = np.arange(m + 1)
        for s, chance in open_.items():
            log = logs[m] - logs[j] - logs[m - j]
            log += logs[s + j] + logs[before - s + m - j] - logs[n + 1]
            log -= logs[s] + logs[before - s] - logs[before + 1]
            reached[s : s + m + 1] += chance * np.exp(log)
        settled = (np.arange(n + 1) <= low) | (np.arange(n + 1) >= high) | (n == looks[-1])
        open_ = {int(s): float(reached[s]) for s in np.flatnonzero((reached > 0) & ~settled)}
        for s in np.flatnonzero((reached > 0) & settled):
            stopped.append(((s + 1) / (n + 1), n, int(s), float(reached[s])))
        before = n
    stopped.sort()
    ratio, chance = np.array([o[0] for o in stopped]), np.array([o[3] for o in stopped])
    total = np.cumsum(chance)[np.searchsorted(ratio, ratio * (1 + 1e-12), side="right") - 1]
    return {(n, s): min(float(p), 1.0) for (_, n, s, _), p in zip(stopped, total, strict=True)}


def _log_factorials(most: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 2)))])
