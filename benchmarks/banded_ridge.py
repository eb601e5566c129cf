"""Banded ridge regression of many targets: a strength for each group of features, by search."""

from typing import Any

import numpy as np

from benchmarks.peers import find, himalaya_backends
from benchmarks.timing import Case, Contestant, difference_where_run
from jaxneuro import splits
from jaxneuro.linear.banded import banded_ridge_search
from jaxneuro.linear.banded_candidates import dirichlet

_THEIRS = 4  # candidates that a peer tries: all of them would take it ten minutes


def case(quick: bool) -> Case:
    """2000 samples × 900 features in 3 bands → 5000 targets, 100 candidates, 20 penalties."""
    samples, features, targets = (60, 12, 40) if quick else (2000, 900, 5000)
    count, penalties, folds, bands = (8 if quick else 100), 20, 3, 3
    rng = np.random.default_rng(0)
    band = np.repeat(np.arange(bands), features // bands)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    # each target hears the bands by strengths of its own, and some noise
    heard = rng.dirichlet([0.5] * bands, targets).T[band]
    signal = x @ (rng.normal(size=(features, targets)) * np.sqrt(heard / features)).astype("f")
    y = signal + rng.normal(size=signal.shape, scale=rng.uniform(0.3, 3, targets))
    y = y.astype(np.float32)
    split = splits.k_fold(samples, folds)
    candidates = dirichlet(bands, count)
    l2 = np.logspace(-3, 2, penalties)
    answers: dict[str, np.ndarray] = {}

    def ours() -> np.ndarray:
        found = banded_ridge_search(x, y, split, band, candidates, l2)
        answers["jaxneuro"] = found.errors / y.var(axis=0)
        return answers["jaxneuro"]

    def same_choice() -> dict[str, Any]:
        """The part of the targets for which a peer has the same best of the candidates it tried."""
        few = {name: theirs[np.isfinite(theirs).all(axis=1)] for name, theirs in answers.items()}
        mine = few.pop("jaxneuro")
        same = {
            name: float((mine[: len(theirs)].argmin(axis=0) == theirs.argmin(axis=0)).mean())
            for name, theirs in few.items()
        }
        return {"same_choice": same}

    contestants = [Contestant("jaxneuro", ours)]
    solver, module = find("himalaya.ridge"), find("himalaya.backend")
    if solver is not None and module is not None:
        fitted = samples * (1 - 1 / folds)
        blocks = [x[:, band == which] for which in range(bands)]
        contestants += [
            _himalaya(solver, module, backend, blocks, y, candidates, l2 * fitted, split, answers)
            for backend in himalaya_backends()
        ]
    return Case(
        name="banded_ridge",
        work=f"{samples}×{features} in {bands} bands → {targets} targets, {count} candidates, "
        f"{penalties} penalties, {folds} folds",
        contestants=contestants,
        fits=targets * count * penalties * folds,
        quality=lambda errors: float(1 - errors.min(axis=0).mean()),
        quality_name="mean of the best held-out R²",
        disagree=difference_where_run,
        differ_name="largest difference of a candidate's held-out R²",
        at_least={"himalaya banded ridge, numpy": 3.0},
        aim={"himalaya banded ridge, numpy": 6.0},
        facts=same_choice,
    )


def _himalaya(
    solver: Any, module: Any, backend: str, blocks, y, candidates, alphas, split, answers
) -> Contestant:
    """The first few candidates, errors alone: ours also has the refit in its time."""
    from sklearn.model_selection import PredefinedSplit

    name = f"himalaya banded ridge, {backend}"
    few = min(_THEIRS, len(candidates))
    fold = PredefinedSplit(np.argmax(split.test, axis=0))

    def run() -> np.ndarray:
        used = module.set_backend(backend)
        # it scales the features in place
        parts = [used.asarray(block.copy()) for block in blocks]
        _, _, scores, _ = solver.solve_group_ridge_random_search(
            parts,
            used.asarray(y),
            n_iter=candidates[:few],
            alphas=used.asarray(alphas.astype(y.dtype)),
            fit_intercept=True,
            cv=fold,
            progress_bar=False,
        )
        errors = np.full((len(candidates), y.shape[1]), np.nan)
        errors[:few] = -used.to_numpy(scores) / y.var(axis=0)
        answers[name] = errors
        return errors

    return Contestant(name, run, share=few / len(candidates), compiles=False)
