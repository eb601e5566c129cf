"""Mouse visual cortex under drifting gratings: every neuron of every mouse."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.runs import Part, finish, held_out
from jaxneuro import axes, data, encoding, metrics, splits
from jaxneuro.data import Recording
from jaxneuro.report import Figure, Table, figures
from jaxneuro.statistics import certainty, fdr, interval

LAGS = 33  # frames after grating onset, 0 to 2 s
FOLDS, INNER = 8, 3


def design(recording: Recording) -> np.ndarray:
    """(trial · frame, 266): direction × lag since onset as indicators, then speed and pupil."""
    arrays = recording.arrays
    directions, kind = np.unique(arrays["direction"], return_inverse=True)
    trials, frames = arrays["speed"].shape
    onset = int(np.argmin(np.abs(arrays["time"])))
    lag = np.arange(frames) - onset
    shown = (lag >= 0) & (lag < LAGS)
    x = np.zeros((trials, frames, len(directions), LAGS), np.float32)
    for trial in range(trials):
        x[trial, shown, kind[trial], lag[shown]] = 1
    state = np.stack([arrays["speed"], arrays["pupil"]], axis=-1)
    return np.concatenate([x.reshape(trials, frames, -1), state], axis=-1).reshape(
        trials * frames, -1
    )


def folds(recording: Recording, seed: int) -> splits.NestedSplits:
    """8 folds of whole trials, stratified by direction, each with 3 inner folds of whole trials."""
    direction = recording.arrays["direction"]
    frames = recording.arrays["speed"].shape[1]
    by_trial = splits.nested(
        splits.stratified(direction, FOLDS, seed),
        lambda index: splits.stratified(direction[index], INNER, seed),
    )
    train, test = (np.repeat(w, frames, axis=-1) for w in (by_trial.train, by_trial.test))
    return splits.NestedSplits(train, test, by_trial.names)


def run(folder: Path, seed: int, quick: bool, common: dict[str, Any]) -> dict[str, Any]:
    """Ridge on the published design; R² is the squared correlation of each fold, averaged."""
    part, rows, all_r2, published, p = Part(), [], {}, {}, []
    sessions: dict[str, dict[str, float]] = {}
    most = 19 if quick else 199
    names = [path.name.removesuffix("_data.mat") for path in sorted(folder.glob("*_data.mat"))]
    mice = zip(names, data.mouse_v1(folder), strict=True)
    for name, recording in list(mice)[: 1 if quick else None]:
        response = recording.arrays["response"]
        response = response[:4] if quick else response
        y = response.reshape(len(response), -1).T
        found = encoding.encode(
            encoding.linear(), design(recording), y, folds(recording, seed),
            axes.grid(l2=[0.03, 0.1, 0.3, 1.0, 3.0]), score="correlation", seed=seed,
        )  # fmt: skip
        part.add(recording.name, found)
        r2 = np.nanmean(np.square(held_out(found, "correlation")), axis=1)
        theirs = recording.arrays.get("published_r2", np.full(len(r2), np.nan))[: len(r2)]
        all_r2[recording.name], published[recording.name] = r2, theirs
        both = np.isfinite(theirs) & np.isfinite(r2)
        agreement = np.corrcoef(theirs[both], r2[both])[0, 1] if both.sum() > 2 else np.nan
        sure = certainty(metrics.correlation, y, found.predictions, series=True, resamples=most,
                         nulls=most, seed=seed)  # fmt: skip
        p.append(sure.p)
        sessions[name] = {
            "mean_r2": float(np.nanmean(r2)),
            "published_mean_r2": float(np.nanmean(theirs)) if both.any() else np.nan,
            "r_with_published": float(agreement),
        }
        rows.append((recording.name, len(r2), np.nanmean(r2), np.nanmedian(r2),
            np.nanmean(theirs) if both.any() else np.nan, agreement, found.total,
            found.run_seconds))  # fmt: skip
        part.provenance = {"licence": recording.licence, "citation": recording.citation}
    part.tables.append(Table("Mouse V1, held-out R² (squared correlation, mean of 8 folds)",
        ("mouse", "neurons", "mean", "median", "published mean", "correlation with published",
         "fits", "run s"), rows,
        "Published: lasso with the same design; here ridge. Folds are drawn anew."))  # fmt: skip
    ours, theirs = np.concatenate(list(all_r2.values())), np.concatenate(list(published.values()))
    part.figures.append(Figure("published", "Each neuron's held-out R², published and here.",
        figures.scatter(theirs, ours, "published R² (lasso)", "R² here (ridge)")))  # fmt: skip
    part.notes.append(
        "Squared correlation is never negative: a neuron without signal scores a little above 0."
    )
    score = float(np.nanmean(ours))
    draws = np.random.default_rng(seed).integers(0, len(ours), (999, len(ours)))
    ends = interval(np.nanmean(ours[draws], axis=1))  # of other neurons of these mice
    every = np.concatenate(p)
    part.results |= {
        "sessions": sessions,
        "interval": [float(ends.low), float(ends.high)],
        "p": every.tolist(),
        "q": fdr(every).tolist(),
    }
    part.notes.append(
        f"{int((fdr(every) <= 0.1).sum())} of {len(every)} neurons have q ≤ .1: p is of responses "
        "shifted in time against the predictions. The interval is over neurons."
    )
    return finish(
        part,
        title="Mouse visual cortex: responses to drifting gratings",
        lead="Calcium responses from 8 directions × 33 lags, running speed and pupil.",
        data=str(folder.name),
        model="ridge",
        score=score,
        score_name="held-out R² (squared correlation, 8 folds), mean over neurons",
        baseline=0.0,
        models={"ridge": score, "published lasso": float(np.nanmean(theirs))},
        **common,
    )
