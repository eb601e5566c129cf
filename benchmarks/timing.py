"""Contestants on the same arrays: interleaved repeats, medians, and the machine's own peak."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

_SLOW = 10.0  # seconds: what takes longer is run no more than it must
_SHORT = 8.0  # seconds with compilation: what takes less is run once before each clocked run


class Contestant(NamedTuple):
    """One way to do the work.

    Attributes:
      name: of the implementation; the first of a case is ours.
      run: does all of it, ends blocked, and returns what `Case.disagree` compares.
      share: of the work that `run` does; the seconds are divided by it.
      compiles: its first run compiles, so that only later ones are timed.
    """

    name: str
    run: Callable[[], Any]
    share: float = 1.0
    compiles: bool = True


class Case(NamedTuple):
    """A question with its contestants.

    Attributes:
      name, work: the case, and in a few words what is done.
      contestants: ours first, then the peers.
      fits: how many models are fitted.
      quality: our answer -> a number that says how good it is, named by `quality_name`.
      disagree: (our answer, theirs) -> how far apart they are, named by `differ_name`.
      gflop: of the whole work, where it can be counted; 0: not stated.
      at_least, aim: ratios asked of us, by contestant.
      facts: what else our runs showed, for our record.
    """

    name: str
    work: str
    contestants: Sequence[Contestant]
    fits: int
    quality: Callable[[Any], float]
    quality_name: str
    disagree: Callable[[Any, Any], float]
    differ_name: str
    gflop: float = 0.0
    at_least: dict[str, float] = {}  # noqa: RUF012 (never changed)
    aim: dict[str, float] = {}  # noqa: RUF012
    facts: Callable[[], dict[str, Any]] = dict

    def against(self, words: Sequence[str]) -> "Case":
        """Of the peers, only those whose names have one of the words."""
        ours, *peers = self.contestants
        told = [one for one in peers if any(word in one.name for word in words)]
        return self._replace(contestants=[ours, *told])


def measure(case: Case, repeats: int = 5) -> list[dict[str, Any]]:
    """A record for each contestant; the first runs warm up, later ones go in turn."""
    first, answers, seconds = {}, {}, {}
    peak = peak_gflops()
    for one in case.contestants:
        first[one.name], answers[one.name] = _timed(one)
        seconds[one.name] = [] if one.compiles else [first[one.name]]
    for turn in range(repeats):
        for one in case.contestants:
            known = seconds[one.name]
            if known and sum(known) * one.share > _SLOW:
                continue
            if turn > 1 and first[one.name] * one.share > _SLOW:
                continue
            if first[one.name] * one.share < _SHORT:
                one.run()  # its data back into the cache, after the others
            spent, answers[one.name] = _timed(one)
            seconds[one.name].append(spent)
    ours = case.contestants[0].name
    medians = {name: statistics.median(known) for name, known in seconds.items()}
    # What a first run takes more (compilation, threads, workers) is not a share of the work.
    more = {one.name: max(0.0, first[one.name] - medians[one.name]) * one.share
            for one in case.contestants}  # fmt: skip
    firsts = {name: medians[name] + more[name] for name in medians}
    records = []
    for one in case.contestants:
        median = medians[one.name]
        mine = one.name == ours
        records.append({
            "case": case.name,
            "work": case.work,
            "implementation": one.name,
            "seconds": median,
            "repeats": len(seconds[one.name]),
            "compile_seconds": more[one.name],
            "share_run": one.share,
            "ratio": median / medians[ours],
            "first_ratio": firsts[one.name] / firsts[ours],
            "at_least": case.at_least.get(one.name),
            "aim": case.aim.get(one.name),
            "fits": case.fits,
            "fits_per_second": case.fits / median,
            "gflops": case.gflop / median if case.gflop else None,
            "peak_gflops": peak,
            "quality": case.quality(answers[ours])
            if mine
            else case.disagree(answers[ours], answers[one.name]),
            "quality_name": case.quality_name if mine else case.differ_name,
            **(case.facts() if mine else {}),
        })  # fmt: skip
    return records


def _timed(one: Contestant) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = one.run()
    return (time.perf_counter() - begun) / one.share, answer


def peak_gflops() -> float:
    """GFLOP/s of large float32 matrix products on all devices at once, best of ten."""
    devices = jax.local_devices()
    size = 1024 if devices[0].platform == "cpu" else 8192
    product = jax.jit(lambda a: a @ a)
    with jax.default_matmul_precision("highest"):
        blocks = [jax.device_put(np.ones((size, size), np.float32) / size, d) for d in devices]
        jax.block_until_ready([product(a) for a in blocks])
        best = float("inf")
        for _ in range(10):
            begun = time.perf_counter()
            jax.block_until_ready([product(a) for a in blocks])
            best = min(best, time.perf_counter() - begun)
    return 2 * size**3 * len(devices) / best * 1e-9


def largest_difference(ours: Any, theirs: Any) -> float:
    """Largest absolute difference of two arrays; NaN counts as infinite."""
    difference = np.abs(np.asarray(ours, float) - np.asarray(theirs, float))
    return float(np.nan_to_num(difference, nan=np.inf).max())


def difference_where_run(ours: Any, theirs: Any) -> float:
    """The same where a contestant did its share of the work: what it left out is NaN."""
    done = np.isfinite(theirs)
    return largest_difference(ours[done], theirs[done])
