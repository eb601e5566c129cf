"""Decoders of every time point: sliding over penalties, and time generalisation, of EEG epochs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import find, places
from benchmarks.timing import Case, Contestant, largest_difference
from jaxneuro import decoding, splits

_CURVATURE = 0.25  # of the logistic loss at equal shares: l2 is relative to it


def sliding(quick: bool) -> Case:
    """200 windows × 5 folds × 10 penalties of logistic regression, 400 trials, 64 channels."""
    x, y, folds, trained = _epochs(quick)
    strengths = np.logspace(-2, 2, 3 if quick else 10)

    def ours() -> np.ndarray:
        return np.array([decoding.sliding(x, y, folds, l2=float(s)).accuracy for s in strengths])

    def theirs(mne: Any) -> np.ndarray:
        few = strengths[:1]
        found = np.full((len(strengths), x.shape[1]), np.nan)
        for i, strength in enumerate(few):
            estimator = mne.decoding.SlidingEstimator(
                _logistic(strength, trained), scoring="accuracy", n_jobs=2
            )
            found[i] = _mne(mne, estimator, x, y, folds).mean(axis=0)
        return found

    def loop() -> np.ndarray:
        found = np.full((len(strengths), x.shape[1]), np.nan)
        found[0] = 0
        for train, test in places(folds):
            for window in range(x.shape[1]):
                model = _logistic(strengths[0], trained).fit(x[train, window], y[train])
                found[0, window] += model.score(x[test, window], y[test]) / len(folds.names)
        return found

    return Case(
        name="sliding_decoder",
        work=f"{x.shape[1]} windows × 5 folds × {len(strengths)} penalties, logistic, "
        f"{len(x)} trials, {x.shape[2]} channels",
        contestants=_contestants(ours, theirs, loop, 1 / len(strengths)),
        fits=x.shape[1] * 5 * len(strengths),
        quality=lambda found: float(found.max()),
        quality_name="best accuracy",
        disagree=lambda mine, other: largest_difference(mine[:1], other[:1]),
        differ_name="largest difference of an accuracy",
        at_least={"mne SlidingEstimator, 2 jobs": 20.0},
    )


def case(quick: bool, decoder: str = "logistic") -> Case:
    """Trained in each of 200 windows, tested in all, 5 folds, 400 trials, 64 channels.

    Features are scaled by the training trials, of the window tested with us and in the loop, of the
    window trained in with MNE: off the diagonal its answers are others, and are not compared.
    """
    x, y, folds, trained = _epochs(quick)
    model = _logistic(1.0, trained) if decoder == "logistic" else _discriminant()

    def ours() -> np.ndarray:
        return decoding.generalise(x, y, folds, decoder).fold_accuracy

    def theirs(mne: Any) -> np.ndarray:
        estimator = mne.decoding.GeneralizingEstimator(model, scoring="accuracy", n_jobs=2)
        return _mne(mne, estimator, x, y, folds)

    def loop() -> np.ndarray:
        found = np.full((len(folds.names), x.shape[1], x.shape[1]), np.nan)
        train, test = places(folds)[0]
        mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
        z_train, z_test = (x[train] - mean) / deviation, (x[test] - mean) / deviation
        flat = z_test.reshape(-1, x.shape[2])  # as MNE does: one call for all test windows
        for window in range(x.shape[1]):
            said = model.fit(z_train[:, window], y[train]).predict(flat)
            found[0, window] = (said.reshape(len(test), -1) == y[test][:, None]).mean(axis=0)
        return found

    return Case(
        name="time_generalisation" if decoder == "logistic" else f"time_generalisation_{decoder}",
        work=f"{x.shape[1]} × {x.shape[1]} windows × 5 folds, {decoder}, {len(x)} trials, "
        f"{x.shape[2]} channels",
        contestants=_contestants(ours, theirs, loop, 1 / len(folds.names), mne_share=1.0),
        fits=x.shape[1] * 5,
        quality=lambda found: float(found.mean(axis=0).max()),
        quality_name="best accuracy",
        disagree=_on_the_diagonal,
        differ_name="mean difference of a fold's accuracy in the window trained in",
        at_least={"mne GeneralizingEstimator, 2 jobs": 20.0},
    )


def _on_the_diagonal(mine: np.ndarray, other: np.ndarray) -> float:
    apart = np.abs(mine - other)[:, range(mine.shape[1]), range(mine.shape[1])]
    return float(np.nanmean(apart))


def lda(quick: bool) -> Case:
    """The same with linear discriminants of Ledoit-Wolf covariances."""
    return case(quick, "lda")


def _epochs(quick: bool) -> tuple[np.ndarray, np.ndarray, splits.Splits, int]:
    """x (trial, window, channel) of ten sources and noise, two classes that differ in the middle of
    the epoch; labels, folds, and training trials in each."""
    trials, windows, channels = (60, 8, 6) if quick else (400, 200, 64)
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(trials) % 2)
    sources = rng.normal(size=(trials, windows, 10)) @ rng.normal(size=(10, channels))
    x = sources + rng.normal(size=(trials, windows, channels))
    middle = slice(windows // 3, windows // 2)
    x[:, middle] += 0.5 * (y[:, None, None] - 0.5) * rng.normal(size=channels)
    return x.astype(np.float32), y, splits.stratified(y, 5), trials * 4 // 5


def _logistic(l2: float, trained: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    strength = 2 / (l2 * _CURVATURE * trained)
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))


def _discriminant() -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    )


def _mne(mne: Any, estimator: Any, x: np.ndarray, y: np.ndarray, folds: splits.Splits):
    mne.set_log_level("ERROR")
    data = x.swapaxes(1, 2)  # (trial, channel, time)
    return mne.decoding.cross_val_multiscore(estimator, data, y, cv=places(folds))


def _contestants(
    ours: Callable, theirs: Callable, loop: Callable, share: float, mne_share: float | None = None
) -> list[Contestant]:
    found = [Contestant("jaxneuro", ours)]
    if find("sklearn") is None:
        return found
    found.append(Contestant("sklearn loop", loop, share=share, compiles=False))
    mne = find("mne")
    if mne is not None:
        find("mne.decoding")
        kind = "SlidingEstimator" if mne_share is None else "GeneralizingEstimator"
        found.append(
            Contestant(f"mne {kind}, 2 jobs", lambda: theirs(mne), mne_share or share, False)
        )
    return found
