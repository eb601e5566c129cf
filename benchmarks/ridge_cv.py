"""Ridge regression of very many targets, each with its own penalty by cross-validation."""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import jax
import numpy as np

from benchmarks.peers import find, himalaya_backends
from benchmarks.timing import Case, Contestant
from jaxneuro import closed_form, splits


def small(quick: bool) -> Case:
    """1000 samples × 500 features → 10 000 targets, 20 penalties, 3 folds."""
    sizes = (60, 12, 40) if quick else (1000, 500, 10_000)
    return _case("ridge_cv", *sizes)


def large(quick: bool) -> Case:
    """3000 samples × 1000 features → 30 000 targets, 20 penalties, 3 folds."""
    sizes = (90, 16, 60) if quick else (3000, 1000, 30_000)
    return _case("ridge_cv_large", *sizes)


def _case(name: str, samples: int, features: int, targets: int) -> Case:
    folds, penalties = 3, 20
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    signal = x @ rng.normal(0, features**-0.5, (features, targets)).astype(np.float32)
    y = signal + rng.normal(size=signal.shape, scale=rng.uniform(0.3, 3, targets))
    y = y.astype(np.float32)
    alphas = np.logspace(0, 5, penalties)
    split = splits.k_fold(samples, folds)
    fitted = samples * (1 - 1 / folds)

    def ours() -> np.ndarray:
        found = closed_form.ridge_search(x, y, split, alphas / fitted)
        return np.asarray(jax.block_until_ready(found).errors.min(axis=0))

    contestants = [Contestant("jaxneuro", ours)]
    ridge, module = find("himalaya.ridge"), find("himalaya.backend")
    if ridge is not None and module is not None:
        contestants += [
            Contestant(
                f"himalaya RidgeCV, {backend}",
                _himalaya(ridge, partial(module.set_backend, backend), x, y, alphas, folds),
                compiles=False,
            )
            for backend in himalaya_backends()
        ]
    if find("sklearn") is not None:
        contestants.append(_sklearn(x, y, alphas, folds, 4))
    multiply = folds * penalties * (samples / folds) * features * targets
    return Case(
        name=name,
        work=f"{samples}×{features} → {targets} targets, {penalties} penalties, {folds} folds",
        contestants=contestants,
        fits=targets * penalties * folds,
        quality=lambda errors: float(errors.mean()),
        quality_name="mean of the least held-out errors",
        disagree=_relative,
        differ_name="largest relative difference of a target's least held-out error",
        gflop=2e-9 * multiply,
        at_least={"himalaya RidgeCV, numpy": 1.5, "himalaya RidgeCV, torch": 1.5},
        aim={"himalaya RidgeCV, numpy": 3.0, "himalaya RidgeCV, torch": 3.0},
    )


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    done = np.isfinite(theirs)
    return float((np.abs(ours - theirs) / ours)[done].max())


def _himalaya(ridge: ModuleType, backend: Callable[[], Any], x, y, alphas, folds: int):
    from sklearn.model_selection import KFold

    def run() -> np.ndarray:
        used = backend()
        model = ridge.RidgeCV(alphas=alphas, fit_intercept=True, cv=KFold(folds))
        model.fit(x, y)
        return -used.to_numpy(model.cv_scores_)

    return run


def _sklearn(x, y, alphas, folds: int, part: int) -> Contestant:
    """On every `part`-th of the targets."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold

    few = y[:, ::part]

    def loop() -> np.ndarray:
        errors = np.zeros((len(alphas), few.shape[1]))
        for train, test in KFold(folds).split(x):
            for i, alpha in enumerate(alphas):
                model = Ridge(alpha=alpha).fit(x[train], few[train])
                errors[i] += ((model.predict(x[test]) - few[test]) ** 2).mean(axis=0) / folds
        found = np.full(y.shape[1], np.nan)
        found[::part] = errors.min(axis=0)
        return found

    return Contestant("sklearn Ridge loop", loop, share=1 / part, compiles=False)
