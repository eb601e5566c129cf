"""Poisson GLMs on a basis of filters, from the signals to the weights: ours, and nemos' own."""

import warnings
from typing import Any

import numpy as np

import jaxneuro as jn
from benchmarks.peers import find
from benchmarks.timing import Case, Contestant, largest_difference
from jaxneuro import features


def case(quick: bool) -> Case:
    """4 signals × 10 log-spaced cosines, T = 10 000, 50 neurons, 5 folds, 4 penalties."""
    sizes = (1000, 1, 5, 20, 4, 2, 2) if quick else (10_000, 4, 10, 50, 50, 5, 4)
    samples, signals, functions, window, neurons, folds, penalties = sizes
    strengths = np.logspace(-2, 0, penalties).tolist()
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(samples, signals)).astype(np.float32)
    basis = features.raised_cosine(functions, stretch=50.0)  # nemos' time_scaling

    def our_design() -> np.ndarray:
        return basis.convolve(signal, window, dtype=np.float32).reshape(samples, -1)

    weights = rng.normal(0, 0.05, (signals * functions, neurons))  # 11 spikes a bin at most
    y = rng.poisson(np.exp(our_design() @ weights - 1)).astype(np.float32)
    seen = np.arange(samples) >= window  # what has its whole past, as nemos asks
    splits = jn.splits.blocks(samples, folds, gap=window, within=seen)
    fit = jn.make_fit(
        jn.models.linear(),
        jn.losses.poisson,
        jn.optimizers.lbfgs(),
        jn.penalties.ridge(),
        jn.Stop(max_steps=300, gradient=1e-6),
        precondition=True,
    )
    axes = [jn.axes.targets(neurons), jn.axes.folds(splits), jn.axes.grid(l2=strengths)]
    designs: dict[str, np.ndarray] = {}

    def ours() -> np.ndarray:
        """(neuron, fold, penalty, feature + 1), the bias last."""
        designs["jaxneuro"] = our_design()
        found = jn.fit_many(fit, jn.make_inputs(designs["jaxneuro"], y), axes).params["readout"]
        return np.concatenate([found["kernel"][..., 0], found["bias"]], axis=-1)

    contestants = [Contestant("jaxneuro", ours)]
    nemos, bases = find("nemos"), find("nemos.basis")
    if nemos is not None and bases is not None:
        theirs = bases.RaisedCosineLogConv(functions, window_size=window)
        trains = [np.flatnonzero(train) for train in splits.train]

        def population() -> np.ndarray:
            designs["nemos"] = x = np.asarray(theirs.compute_features(signal))
            made = np.empty((neurons, folds, penalties, x.shape[1] + 1))
            for j, train in enumerate(trains):
                for k, strength in enumerate(strengths):
                    model = nemos.glm.PopulationGLM(
                        regularizer="Ridge", regularizer_strength=strength, solver_name="LBFGS",
                        solver_kwargs={"tol": 1e-6, "maxiter": 1000},
                    )  # fmt: skip
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        model.fit(x[train], y[train])
                    made[:, j, k, :-1] = np.asarray(model.coef_).T
                    made[:, j, k, -1] = np.asarray(model.intercept_)
            return made

        contestants.append(Contestant("nemos PopulationGLM, a call for each", population))

    def norm(found: np.ndarray) -> float:
        """The largest norm of a gradient, in double precision."""
        x, worst = designs["jaxneuro"].astype(float), 0.0
        for j, train in enumerate(splits.train > 0):
            for k, strength in enumerate(strengths):
                kernel, bias = found[:, j, k, :-1].T.astype(float), found[:, j, k, -1]
                error = np.exp(x[train] @ kernel + bias) - y[train]
                slope = x[train].T @ error / train.sum() + strength * kernel
                square = np.square(slope).sum(axis=0) + np.square(error.mean(axis=0))
                worst = max(worst, float(np.sqrt(square.max())))
        return worst

    def same_design() -> dict[str, Any]:
        """How far the designs are apart, of their largest value."""
        if "nemos" not in designs:
            return {}
        mine, other = (designs[name][seen] for name in ("jaxneuro", "nemos"))
        return {"designs_differ": largest_difference(mine, other) / float(np.abs(mine).max())}

    return Case(
        name="nemos_basis",
        work=f"T={samples}, {signals} signals × {functions} cosines of {window} bins, {neurons} "
        f"neurons × {folds} folds × {penalties} penalties",
        contestants=contestants,
        fits=neurons * folds * penalties,
        quality=norm,
        quality_name="largest gradient norm",
        disagree=largest_difference,
        differ_name="largest difference of a weight",
        facts=same_design,
    )
