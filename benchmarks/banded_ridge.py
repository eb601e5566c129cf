"""Banded ridge regression of many targets: a strength for each group of features, by search."""

from collections.abc import Callable
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
    return _case("banded_ridge", quick, 5000, _THEIRS, himalaya_backends(), "float32")


def choice(quick: bool) -> Case:
    """The same of 400 targets, with a peer that tries all candidates in float64."""
    return _case("banded_choice", quick, 400, 100, ["numpy"], "float64")


def _case(
    name: str, quick: bool, targets: int, theirs: int, backends: list[str], dtype: str
) -> Case:
    samples, features = (60, 12) if quick else (2000, 900)
    targets, count = (40, 8) if quick else (targets, 100)
    penalties, folds, bands = 20, 3, 3
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
        note = "".join(f"; same choice as {name} {part:.1%}" for name, part in same.items())
        return {"same_choice": same, "note": note if dtype == "float64" else ""}

    contestants = [Contestant("jaxneuro", ours)]
    solver, module = find("himalaya.ridge"), find("himalaya.backend")
    if solver is not None and module is not None:
        alphas = l2 * samples * (1 - 1 / folds)
        blocks = [x[:, band == which].astype(dtype) for which in range(bands)]
        wide = y.astype(dtype)

        def keep(name: str, scores: np.ndarray) -> np.ndarray:
            errors = np.full((len(candidates), targets), np.nan)
            errors[: len(scores)] = -scores / y.var(axis=0)
            answers[name] = errors
            return errors

        contestants += [
            _himalaya(
                solver, module, backend, blocks, wide, candidates, theirs, alphas, split, keep
            )
            for backend in backends
        ]
    return Case(
        name=name,
        work=f"{samples}×{features} in {bands} bands → {targets} targets, {count} candidates, "
        f"{penalties} penalties, {folds} folds",
        contestants=contestants,
        fits=targets * count * penalties * folds,
        quality=lambda errors: float(1 - errors.min(axis=0).mean()),
        quality_name="mean of the best held-out R²",
        disagree=difference_where_run,
        differ_name="largest difference of a candidate's held-out R²",
        at_least={"himalaya banded ridge, numpy": 3.0},  # both in float32
        aim={"himalaya banded ridge, numpy": 6.0},
        facts=same_choice,
    )


def _himalaya(
    solver: Any,
    module: Any,
    backend: str,
    blocks: list[np.ndarray],
    y: np.ndarray,
    candidates: np.ndarray,
    tried: int,
    alphas: np.ndarray,
    split: splits.Splits,
    keep: Callable[[str, np.ndarray], np.ndarray],
) -> Contestant:
    """The first few candidates, errors alone: ours also has the refit in its time."""
    from sklearn.model_selection import PredefinedSplit

    single = y.dtype == np.float32
    name = f"himalaya banded ridge, {backend}" + ("" if single else f" {y.dtype}")
    tried = min(tried, len(candidates))
    fold = PredefinedSplit(np.argmax(split.test, axis=0))

    def run() -> np.ndarray:
        used = module.set_backend(backend)
        # it scales the features in place
        parts = [used.asarray(block.copy()) for block in blocks]
        _, _, scores, _ = solver.solve_group_ridge_random_search(
            parts,
            used.asarray(y),
            n_iter=candidates[:tried].astype(y.dtype),
            alphas=used.asarray(alphas.astype(y.dtype)),
            fit_intercept=True,
            cv=fold,
            progress_bar=False,
        )
        return keep(name, used.to_numpy(scores))

    return Contestant(name, run, share=tried / len(candidates), compiles=False)
