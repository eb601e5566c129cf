"""What experiments share: the record of many fits, the summary, the command line."""

import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jaxneuro import compat
from jaxneuro.data import Dataset
from jaxneuro.data.wheels import cache_root
from jaxneuro.fits import Fits
from jaxneuro.report import Figure, Table, versions, write
from jaxneuro.selection import EdgeOfGrid, Search
from jaxneuro.selection.defaults import LAGS, edge_notes, present_only, too_large

T = TypeVar("T")


@dataclass
class Part:
    """What one part of an experiment hands to the report."""

    fits: dict[str, Fits] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, found: Search | Fits) -> None:
        """Records the fits of a model for `fits.csv` and the counts."""
        if isinstance(found, Fits):
            self.fits[name] = found
            return
        if found.inner is not None:
            self.fits[f"{name}, search"] = found.inner
        self.fits[name] = found.fits
        self.notes += edge_notes(name, found.selection)

    def join(self, other: "Part") -> None:
        """Takes over another part's record; later provenance does not hide earlier."""
        self.fits |= other.fits
        for mine, theirs in (
            (self.tables, other.tables),
            (self.figures, other.figures),
            (self.notes, other.notes),
        ):
            mine.extend(theirs)  # pyright: ignore[reportArgumentType]
        for key, value in other.provenance.items():
            known = self.provenance.get(key)
            self.provenance[key] = f"{known}; {value}" if known else value
        self.results = other.results | self.results  # the first part has the headline


@contextmanager
def told(notes: list[str]) -> Iterator[None]:
    """Warnings raised inside become notes of the report, and lines on stderr."""
    # Choices at an edge of their grid are notes already, with the model's name.
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if not issubclass(category, UserWarning):
                show(message, category, *rest)
            elif not issubclass(category, EdgeOfGrid) and str(message) not in notes:
                notes.append(str(message))  # at once: the summary is written inside
                print(f"note: {message}", file=sys.stderr)

        warnings.showwarning = note
        yield


def choose(searches: Mapping[str, Search]) -> str:
    """The model of the best inner score, averaged over targets for which all models have one: no
    held-out sample has a say."""
    scores = {
        name: np.full(1, np.nan) if s.selection is None else s.sign * s.selection.score.ravel()
        for name, s in searches.items()
    }
    if len({len(values) for values in scores.values()}) == 1:
        common = np.all([~np.isnan(values) for values in scores.values()], axis=0)
        if common.any():
            scores = {name: values[common] for name, values in scores.items()}

    def mean(name: str) -> float:
        values = scores[name]
        return -np.inf if np.isnan(values).all() else float(np.nanmean(values))

    return max(searches, key=mean)


def lags_of(given: Dataset, part: Part) -> tuple[int, ...]:
    """The lags of `x` to choose among: none but the present where the samples are no time series,
    a short one, or one whose lags would not fit in memory."""
    if given.dt is None or len(given.x) <= 20 * max(LAGS):
        return (0,)
    if why := too_large(given.x, max(LAGS)):
        part.notes.append(present_only(why))
        return (0,)
    return LAGS


def held_out(search: Search | Fits, score: str) -> np.ndarray:
    """Held-out scores of the refits, (*axes, outer)."""
    fits = search if isinstance(search, Fits) else search.fits
    return fits.score(score)


def mean_defined(values: np.ndarray, what: str, part: Part) -> float:
    """Mean over what is defined; how many of how many is noted.

    Raises:
      ValueError: none is.
    """
    values = np.asarray(values, float)
    defined = ~np.isnan(values)
    if not defined.any():
        raise ValueError(
            f"y: no {what} has a defined held-out score: each is constant, or has no value, among "
            "the samples held out or fitted"
        )
    if not defined.all():
        missing = ", ".join(str(i) for i in np.flatnonzero(~defined.ravel())[:10])
        word = (
            f"Scores are means over {int(defined.sum())} of {defined.size} {what}s: those of "
            f"{what} {missing} are undefined (constant or without values where held out)."
        )
        if word not in part.notes:
            part.notes.append(word)
    return float(values[defined].mean())


def finish(
    part: Part,
    out: Path,
    *,
    job: str,
    title: str,
    lead: str,
    data: str,
    model: str,
    score: float,
    score_name: str,
    baseline: float,
    models: Mapping[str, float],
    command: str,
) -> dict[str, Any]:
    """Writes summary, table, figures and report into `out`, and returns the summary."""
    statuses: Counter[str] = Counter()
    for fits in part.fits.values():
        statuses.update(fits.statuses())
    summary = {
        "job": job,
        "data": data,
        "model": model,
        "fits": sum(len(f) for f in part.fits.values()),
        "compile_seconds": sum(f.compile_seconds for f in part.fits.values()),
        "run_seconds": sum(f.run_seconds for f in part.fits.values()),
        "score": score,
        "score_name": score_name,
        "baseline": baseline,
        "statuses": dict(statuses),
        "models": dict(models),
        "notes": list(dict.fromkeys(part.notes)),
        **part.results,
    }
    provenance = {**part.provenance, "command": command, **versions()}
    write(
        out,
        title=title,
        lead=lead,
        summary=summary,
        fits=table(part.fits),
        tables=part.tables,
        figures=part.figures,
        notes=list(dict.fromkeys(part.notes)),
        provenance=provenance,
    )
    print(f"{job}: {model}, {score_name} {score:.3g} (baseline {baseline:.3g}); "
          f"report: {out / 'report.html'}", flush=True)  # fmt: skip
    return summary


def table(fits: Mapping[str, Fits]) -> dict[str, list[Any]]:
    """One row a fit, over models whose axes and scores differ; empty where a column is missing."""
    parts = {name: found.table() for name, found in fits.items()}
    shared = ("status", "warning", "steps", "loss", "gradient_norm")
    names = list(dict.fromkeys(n for part in parts.values() for n in part if n not in shared))
    columns: dict[str, list[Any]] = {name: [] for name in ("model", *names, *shared)}
    for model, part in parts.items():
        rows = len(part["status"])
        columns["model"].extend([model] * rows)
        for name in (*names, *shared):
            columns[name].extend(part[name].tolist() if name in part else [""] * rows)
    return columns


def command_line(options: type[T], run: Callable[[T], Any], argv: Sequence[str] | None) -> None:
    """Reads the options from the command line (their docstrings are the help) and runs."""
    try:
        import tyro
    except ImportError as error:
        raise SystemExit('tyro is not installed: pip install "jaxneuro[experiments]"') from error
    parsed = tyro.cli(options, args=argv)
    compat.keep_programs(cache_root() / "programs")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop ends as Ctrl-C
    try:
        run(parsed)
    except KeyboardInterrupt as stopped:
        print(f"\n{str(stopped) or 'stopped'}", file=sys.stderr)
        raise SystemExit(130) from None
    except (ValueError, FileNotFoundError, ImportError, RuntimeError) as error:
        if type(error) is RuntimeError:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
