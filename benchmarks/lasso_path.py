"""Lasso paths of many neurons under cross-validation, the shape of a mouse V1 encoding model."""

import warnings
from typing import Any

import numpy as np

import jaxneuro as jn
from benchmarks.peers import find, places
from benchmarks.timing import Case, Contestant


def case(quick: bool) -> Case:
    """266 features, 300 neurons, 11 penalties, 8 folds, T = 2500: held-out errors of each."""
    sizes = (400, 14, 6, 4, 3) if quick else (2500, 266, 300, 11, 8)
    samples, features, neurons, penalties, folds = sizes
    rng = np.random.default_rng(0)
    base = rng.normal(size=(samples, features))
    lead = base[:, np.arange(features) // 14 * 14]  # groups of 14 share a part, as bases do
    x = 0.6 * base + 0.4 * lead + 0.3 * np.roll(base, 1, axis=0)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    weights = np.zeros((features, neurons))
    for i in range(neurons):
        weights[rng.choice(features, 8, replace=False), i] = rng.normal(0, 0.15, 8)
    y = (x @ weights + rng.normal(size=(samples, neurons))).astype(np.float32)
    strengths = np.logspace(-3, -0.5, penalties)
    splits = jn.splits.blocks(samples, folds)
    fit = jn.make_fit(
        jn.models.linear(),
        jn.losses.half_squared_error,
        jn.optimizers.proximal(),
        jn.penalties.lasso(),
        jn.Stop(gradient=1e-4),
        scores={"error": jn.metrics.mean_squared_error},
    )

    def ours() -> np.ndarray:
        few = jn.condense(fit, jn.make_inputs(x, y), splits)
        axes = [few.axis, jn.axes.targets(neurons), jn.axes.grid(l1=strengths.tolist())]
        found = jn.fit_many(few.fit, few.inputs, axes, keep="scores")
        return np.moveaxis(found.scores["error"], 0, -1)  # (neuron, penalty, fold)

    contestants = [Contestant("jaxneuro", ours)]
    if find("sklearn") is not None:
        from sklearn.linear_model import LassoCV

        few = max(1, neurons // 15)
        parts = places(splits)

        path: Any = strengths[::-1]

        def loop() -> np.ndarray:
            errors = np.full((neurons, penalties, folds), np.nan)
            for i in range(few):
                model = LassoCV(alphas=path, cv=parts)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    errors[i] = model.fit(x, y[:, i]).mse_path_[::-1]
            return errors

        contestants.append(
            Contestant("sklearn LassoCV loop", loop, share=few / neurons, compiles=False)
        )

    def differ(ours: np.ndarray, theirs: np.ndarray) -> float:
        done = np.isfinite(theirs)
        return float((np.abs(ours - theirs)[done] / theirs[done]).max())

    return Case(
        name="lasso_path",
        work=f"T={samples}, {features} features, {neurons} neurons × {penalties} λ × {folds} folds",
        contestants=contestants,
        fits=neurons * penalties * folds,
        quality=lambda errors: float(errors.mean(axis=-1).min(axis=-1).mean()),
        quality_name="mean of the least held-out errors",
        disagree=differ,
        differ_name="largest relative difference of a held-out error",
        at_least={"sklearn LassoCV loop": 3.0},
        aim={"sklearn LassoCV loop": 10.0},
    )
