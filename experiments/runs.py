"""What experiments share: the record of many fits, the summary, the command line."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from experiments.report import Figure, Table, versions, write
from jaxneuro.fits import Fits
from jaxneuro.selection.search import Search

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
        self.results |= other.results


def choose(searches: Mapping[str, Search]) -> str:
    """The model of the best inner score, averaged over targets: no held-out sample has a say."""

    def inner(name: str) -> float:
        selection = searches[name].selection
        return -np.inf if selection is None else float(np.nanmean(selection.score))

    return max(searches, key=inner)


def held_out(search: Search | Fits, score: str) -> np.ndarray:
    """Held-out scores of the refits, (*axes, outer)."""
    fits = search if isinstance(search, Fits) else search.fits
    return fits.score(score)


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
        notes=part.notes,
        provenance=provenance,
    )
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
    try:
        run(parsed)
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        if type(error) is RuntimeError:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
