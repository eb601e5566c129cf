"""Where a rat is on a track, from the spikes of its hippocampus: naive Bayes, networks."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.runs import Part, finish, told
from experiments.sure import judge
from jaxneuro import axes, decoding, metrics, splits
from jaxneuro.data import Recording
from jaxneuro.data.tracks import hippocampus_track
from jaxneuro.report import Figure, Table, figures
from jaxneuro.selection import Search, past_of

DT = 0.25  # s
REACH = 8  # bins of the past and of the future that networks see; and the gap between folds
SPEED = 10  # px/s, over a second: below, the rat rests
MOST = 50  # spikes a second: no neuron of these, but what the sorting left over
PX = 100  # the unit of what is fitted
NAMES = ("x", "y")


class Run(NamedTuple):
    """A recording in bins: counts (time, unit), position (time, 2) in px, whether it runs (time,),
    and how many units were left out."""

    counts: np.ndarray
    position: np.ndarray
    running: np.ndarray
    left_out: int


def binned(recording: Recording) -> Run:
    """Counts and mean position of bins of 250 ms, of the whole recording; position NaN where the
    rat was not seen. It runs where it comes more than 10 px further within a second."""
    found = recording.arrays
    bins = int(np.ptp(found["span"]) / DT)

    def at(time: np.ndarray) -> np.ndarray:  # the last bin is of what comes before and after
        place = np.floor((time - found["span"][0]) / DT).astype(int)
        return np.where((place >= 0) & (place < bins), place, bins)

    units = len(found["tetrode"])
    flat = at(found["spike_time"]) * units + found["spike_unit"]
    counts = np.bincount(flat, minlength=(bins + 1) * units).reshape(-1, units)[:bins]
    frame = at(found["frame_time"])
    frames = np.bincount(frame, minlength=bins + 1)
    total = [np.bincount(frame, each, bins + 1) for each in found["position"].T]
    position = (np.stack(total, axis=1) / np.where(frames > 0, frames, np.nan)[:, None])[:bins]
    half = round(0.5 / DT)
    moved = np.full(bins, np.nan)
    moved[half:-half] = np.linalg.norm(position[2 * half :] - position[: -2 * half], axis=1)
    single = counts.mean(axis=0) / DT < MOST
    running = (moved > SPEED) & ~np.isnan(position).any(axis=1)
    return Run(counts[:, single].astype(np.float32), position, running, int((~single).sum()))


def folds(samples: int) -> splits.NestedSplits:
    """Five folds of eight blocks each, dealt in turn, and three likewise inside."""
    outer = splits.blocks(samples, 5, gap=REACH, blocks_per_fold=8)
    return splits.nested(
        outer, lambda index: splits.blocks(len(index), 3, gap=REACH, blocks_per_fold=8)
    )


def bayes(
    counts: np.ndarray, y: np.ndarray, nested: splits.NestedSplits, smooth: bool, quick: bool
) -> tuple[np.ndarray, float, dict[str, int]]:
    """`decoding.naive_bayes`: predictions (time, output), the mean squared error on inner folds of
    what was chosen, folds by prior."""
    some: dict[str, Any] = {"width": (0.5, 1.0), "movement": (1.0, 2.0)} if quick else {}
    found = decoding.naive_bayes(counts, y, nested, smooth=smooth, **some)
    assert found.errors is not None
    inner = found.errors.reshape(len(found.errors), -1).min(axis=1)
    chosen = {prior: int((found.prior == prior).sum()) for prior in found.priors}
    return found.predictions, float(inner.mean()) / y.shape[1], chosen


def networks(
    run: Run, y: np.ndarray, nested: splits.NestedSplits, seed: int, quick: bool
) -> dict[str, Search]:
    """Decoders that see two seconds of past and future, by name, and a GRU that sees the past."""
    roots = np.sqrt(run.counts)
    around, before = (past_of(roots, REACH, ahead).lay(roots)[run.running] for ahead in (REACH, 0))
    steps = 30 if quick else 600
    deep = axes.grid(l2=[1e-1] if quick else [1e-2, 1e-1], learning_rate=[3e-3])
    gru = decoding.recurrent(2, 8 if quick else 32, steps, 128, dropout=0.3)
    wanted = {
        "linear decoder, past and future": (
            decoding.linear_decoder(2), around, axes.grid(l2=[0.1, 1.0, 10.0])
        ),
        "MLP, past and future": (decoding.mlp(2, (64,), steps), around, deep),
        "GRU": (gru, before[:, ::-1], deep),
        "GRU, past and future": (gru, around[:, ::-1], deep),
    }  # fmt: skip
    return {
        name: decoding.search_one(fit, x, y, nested, grid, seed=seed, progress=True)
        for name, (fit, x, grid) in wanted.items()
    }


def run(folder: Path, seed: int, quick: bool, common: dict[str, Any]) -> dict[str, Any]:
    """All decoders on the same folds of the time that the rat runs."""
    part = Part()
    with told(part.notes):
        return _run(part, folder, seed, quick, common)


def _run(
    part: Part, folder: Path, seed: int, quick: bool, common: dict[str, Any]
) -> dict[str, Any]:
    recording = hippocampus_track(folder)
    given = binned(recording)
    place = given.position[given.running]
    middle = place.mean(axis=0)  # a shift that no score sees
    y, nested = ((place - middle) / PX).astype(np.float32), folds(len(place))
    predicted, inner = {}, {}
    for name, smooth in (("naive Bayes", False), ("naive Bayes, past and future", True)):
        found = bayes(given.counts[given.running], y, nested, smooth, quick)
        predicted[name], inner[name], part.results[f"{name}: priors"] = found
    for name, search in networks(given, y, nested, seed, quick).items():
        part.add(name, search)
        predicted[name] = search.predictions
        if search.selection is not None:  # else there was nothing to choose
            inner[name] = float(search.selection.score.mean())
    predicted = {name: PX * found + middle for name, found in predicted.items()}
    best = min(inner, key=lambda name: inner[name])
    judge(part, metrics.r2, place, predicted, best, what="R², mean of x and y", names=NAMES,
          series=True, seed=seed, quick=quick)  # fmt: skip
    models = {name: float(np.mean(metrics.r2(place, p))) for name, p in predicted.items()}
    constant = _constant(place, nested)
    part.results |= {
        "median_error": {n: float(metrics.median_distance(place, p)) for n, p in predicted.items()},
        "median_error_constant": float(metrics.median_distance(place, constant)),
        "inner_error": inner,
        "samples": len(place),
    }
    if given.left_out:
        part.notes.append(f"{given.left_out} unit of more than {MOST} spikes a second was left "
                          "out: what the sorting left over.")  # fmt: skip
    part.notes += [
        f"Of {len(given.running)} bins of {1000 * DT:.0f} ms the rat runs in {len(place)}: more "
        f"than {SPEED} px within a second. Every fifth of 40 blocks of these is held out, and "
        f"{REACH} bins on either side of a block are in neither part.",
        '"Past and future": spikes after the moment are seen too, which no decoder online can.',
    ]
    _report(part, place, predicted)
    part.provenance |= {"licence": recording.licence, "citation": recording.citation}
    return finish(
        part,
        title=f"Place from the hippocampus: {recording.source}",
        lead="The position of a running rat decoded from the spikes of its hippocampus, all "
        "decoders on the same folds, their strengths and the headline chosen on inner folds.",
        data=folder.name,
        model=best,
        score=models[best],
        score_name="held-out R², mean of x and y",
        baseline=float(np.mean(metrics.r2(place, constant))),
        models=models,
        **common,
    )


def _constant(place: np.ndarray, nested: splits.NestedSplits) -> np.ndarray:
    """(time, output) each fold's mean of what it fits."""
    found = np.empty(place.shape)
    for train, test in zip(nested.train[:, -1] > 0, nested.test[:, -1] > 0, strict=True):
        found[test] = place[train].mean(axis=0)
    return found


def _report(part: Part, place: np.ndarray, predicted: dict[str, np.ndarray]) -> None:
    r2 = {name: np.asarray(metrics.r2(place, p)) for name, p in predicted.items()}
    missed, inner = part.results["median_error"], part.results["inner_error"]
    rows = [(name, *v.tolist(), missed[name], inner.get(name, "")) for name, v in r2.items()]
    part.tables.append(Table("Held-out, each sample scored by the fold that held it out",
        ("model", "R² x", "R² y", "median error (px)", "inner squared error"), rows,
        f"Each fold's mean position misses by {part.results['median_error_constant']:.0f} px. "
        f"Inner errors are in squares of {PX} px."))  # fmt: skip
    window = slice(0, 400)
    time = DT * np.arange(len(place[window]))
    best = sorted(r2, key=lambda model: -r2[model].mean())[:3]  # lines of more hide each other
    for i, name in enumerate(NAMES):
        shown = {model: predicted[model][window, i] for model in best}
        part.figures.append(Figure(f"decoded_{name}", f"Held-out {name}, and what the models of "
            "most held-out R² decode; time is that of running.",
            figures.traces(time, place[window, i], shown, f"{name} (px)")))  # fmt: skip
    part.figures.append(Figure("scores", "Held-out R² of x and y; 0 is no better than the mean.",
        figures.model_scores(r2, "R²", 0.0)))  # fmt: skip
    maps = [error_map(place, p) for p in predicted.values()]
    titles = [name.replace(", ", "\n") for name in predicted]
    part.figures.append(
        Figure(
            "error_map",
            "Median error at each place, grey where the rat never ran.",
            figures.images(maps, titles, 3, symmetric=False, unit="median error (px)"),
        )
    )


def error_map(place: np.ndarray, predicted: np.ndarray, size: int = 20) -> np.ndarray:
    """(row, column) median distance in squares of `size` px; NaN where the rat never ran."""
    square = ((place - place.min(axis=0)) // size).astype(int)
    missed = np.linalg.norm(place - predicted, axis=1)
    found = np.full(square.max(axis=0) + 1, np.nan)
    for at in np.unique(square, axis=0):
        found[tuple(at)] = np.median(missed[(square == at).all(axis=1)])
    return found.T
