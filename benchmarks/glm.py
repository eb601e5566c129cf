"""Poisson GLMs with ridge for each of many neurons: one penalty, and a search over penalties."""

import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxneuro as jn
from benchmarks.peers import find
from benchmarks.timing import Case, Contestant, difference_where_run

_TOLERANCE = 1e-5  # asked of the gradient's norm in every neuron


def _fit() -> jn.Fit:
    return jn.make_fit(
        jn.models.linear(),
        jn.losses.poisson,
        jn.optimizers.lbfgs(),
        jn.penalties.ridge(),
        jn.Stop(max_steps=300, gradient=_TOLERANCE),
        precondition=True,
    )


def one_penalty(quick: bool) -> Case:
    """T = 10 000, 40 white features, 200 neurons, l2 = 0.001."""
    samples, features, neurons = (1000, 10, 8) if quick else (10_000, 40, 200)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    weights = rng.normal(0, 0.1, (features, neurons))
    y = rng.poisson(np.exp(x @ weights - 1)).astype(np.float32)
    inputs = jn.make_inputs(x, y, hyper={"l2": 1e-3})
    fit, axes = _fit(), [jn.axes.targets(neurons)]

    def ours() -> np.ndarray:
        found = jn.fit_many(fit, inputs, axes).params["readout"]
        return np.concatenate([found["kernel"][..., 0], found["bias"]], axis=1)

    def norms(found: np.ndarray) -> np.ndarray:
        return _gradient_norms(x, y, found, 1e-3)

    few = max(1, neurons // 10)
    contestants = [
        Contestant("jaxneuro", ours),
        *_nemos(x, y, 1e-3, max(1, neurons // 50)),
        *_sklearn(x, y, few),
        Contestant("vmap of optax.lbfgs, 40 steps", _optax(x, y), share=0.25),
    ]
    return Case(
        name="poisson_glm",
        work=f"T={samples}, {features} features, {neurons} neurons, l2=0.001",
        contestants=contestants,
        fits=neurons,
        quality=lambda found: float(norms(found).max()),
        quality_name="largest gradient norm",
        disagree=lambda ours, theirs: float(norms(theirs).max()),
        differ_name="largest gradient norm",
        at_least={"nemos PopulationGLM": 8.0},
        aim={"nemos PopulationGLM": 20.0, "sklearn loop": 200.0},
    )


def search(quick: bool) -> Case:
    """Correlated features: 100 neurons × 5 folds × 4 penalties, all fitted and scored."""
    samples, features, neurons = (1000, 8, 4) if quick else (10_000, 40, 100)
    folds, penalties = (2, [1e-4, 1e-2]) if quick else (5, [1e-5, 1e-4, 1e-3, 1e-2])
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(features, features)))[0]
    scales = 10.0 ** np.linspace(0.5, -1.5, features)  # the covariance's condition: 10 000
    x = ((rng.normal(size=(samples, features)) * scales) @ turn.T).astype(np.float32)
    drive = np.clip(x @ rng.normal(0, 0.1, (features, neurons)) - 1, -5, 3)
    y = rng.poisson(np.exp(drive)).astype(np.float32)
    inputs = jn.make_inputs(x, y)
    splits = jn.splits.blocks(samples, folds)
    axes = [jn.axes.targets(neurons), jn.axes.folds(splits), jn.axes.grid(l2=penalties)]
    fit = _fit()

    def ours() -> np.ndarray:
        return jn.fit_many(fit, inputs, axes).scores["loss"]

    contestants = [Contestant("jaxneuro", ours)]
    nemos, sklearn = find("nemos"), find("sklearn.model_selection")
    tests = [np.asarray(test) > 0 for test in splits.test]

    if nemos is not None:

        def theirs() -> np.ndarray:
            losses = np.zeros((neurons, folds, len(penalties)))
            for j, test in enumerate(tests):
                for k, strength in enumerate(penalties):
                    model = nemos.glm.PopulationGLM(
                        regularizer="Ridge", regularizer_strength=strength, solver_name="LBFGS"
                    )
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        model.fit(x[~test], y[~test])
                    drive = x[test] @ np.asarray(model.coef_) + np.asarray(model.intercept_)
                    losses[:, j, k] = (np.exp(drive) - y[test] * drive).mean(axis=0)
            return losses

        contestants.append(Contestant("nemos PopulationGLM, a call for each", theirs))
    if sklearn is not None:
        from sklearn.linear_model import PoissonRegressor

        few = 1

        def grid() -> np.ndarray:
            losses = np.full((neurons, folds, len(penalties)), np.nan)
            for i in range(few):
                model = sklearn.GridSearchCV(
                    PoissonRegressor(tol=1e-5, max_iter=1000),
                    {"alpha": penalties},
                    cv=[(np.flatnonzero(~test), np.flatnonzero(test)) for test in tests],
                    scoring=_minus_loss,
                    refit=False,
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = model.fit(x.astype(float), y[:, i]).cv_results_
                losses[i] = -np.stack([found[f"split{j}_test_score"] for j in range(folds)])
            return losses

        contestants.append(
            Contestant("sklearn GridSearchCV", grid, share=few / neurons, compiles=False)
        )

    return Case(
        name="glm_search",
        work=f"T={samples}, {features} correlated features, {neurons} neurons × {folds} folds × "
        f"{len(penalties)} penalties",
        contestants=contestants,
        fits=neurons * folds * len(penalties),
        quality=lambda losses: float(losses.mean()),
        quality_name="mean held-out loss",
        disagree=difference_where_run,
        differ_name="largest difference of a held-out loss",
        at_least={"nemos PopulationGLM, a call for each": 10.0},
        aim={"nemos PopulationGLM, a call for each": 25.0},
    )


def _minus_loss(model, x, y) -> float:
    rate = model.predict(x)
    return float((y * np.log(rate) - rate).mean())


def _gradient_norms(x, y, found, l2: float) -> np.ndarray:
    """Of each neuron, in double precision; `found` (neuron, feature + 1), NaN where not run."""
    done = np.isfinite(found).all(axis=1)
    kernel, bias = found[done, :-1].T.astype(float), found[done, -1].astype(float)
    error = np.exp(x.astype(float) @ kernel + bias) - y[:, done]
    gradient = x.T.astype(float) @ error / len(x) + l2 * kernel
    return np.sqrt((gradient**2).sum(axis=0) + error.mean(axis=0) ** 2)


def _nemos(x, y, l2: float, few: int) -> list[Contestant]:
    nemos = find("nemos")
    if nemos is None:
        return []
    options = {"regularizer": "Ridge", "regularizer_strength": l2, "solver_name": "LBFGS"}

    def population() -> np.ndarray:
        model = nemos.glm.PopulationGLM(**options).fit(x, y)
        return np.concatenate([np.asarray(model.coef_).T, np.asarray(model.intercept_)[:, None]], 1)

    def loop() -> np.ndarray:
        found = np.full((y.shape[1], x.shape[1] + 1), np.nan)
        for i in range(few):
            model = nemos.glm.GLM(**options).fit(x, y[:, i])
            found[i] = [*np.ravel(model.coef_), np.ravel(model.intercept_)[0]]
        return found

    return [
        Contestant("nemos PopulationGLM", population),
        Contestant("nemos GLM loop", loop, share=few / y.shape[1]),
    ]


def _sklearn(x, y, few: int) -> list[Contestant]:
    if find("sklearn") is None:
        return []
    from sklearn.linear_model import PoissonRegressor

    def loop() -> np.ndarray:
        found = np.full((y.shape[1], x.shape[1] + 1), np.nan)
        for i in range(few):
            model = PoissonRegressor(alpha=1e-3, tol=_TOLERANCE, max_iter=300).fit(x, y[:, i])
            found[i] = [*model.coef_, model.intercept_]
        return found

    return [Contestant("sklearn loop", loop, share=few / y.shape[1], compiles=False)]


def _optax(x: np.ndarray, y: np.ndarray) -> Callable[[], np.ndarray]:
    """What one writes first: optax's own L-BFGS under vmap, whose line search loops."""
    solver = optax.lbfgs()

    @jax.jit
    def every(x, y):
        def one(target):
            def loss(params):
                drive = x @ params[:-1] + params[-1]
                value = (jnp.exp(drive) - target * drive).mean()
                return value + 0.5e-3 * jnp.square(params[:-1]).sum()

            def step(carry, _):
                params, state = carry
                value, gradient = optax.value_and_grad_from_state(loss)(params, state=state)
                updates, state = solver.update(
                    gradient, state, params, value=value, grad=gradient, value_fn=loss
                )
                return (optax.apply_updates(params, updates), state), None

            start = jnp.zeros(x.shape[1] + 1)
            return jax.lax.scan(step, (start, solver.init(start)), length=40)[0][0]

        return jax.vmap(one, in_axes=1)(y[:, : y.shape[1] // 4])

    def run() -> np.ndarray:
        found = np.full((y.shape[1], x.shape[1] + 1), np.nan)
        part = np.asarray(every(x, y))
        found[: len(part)] = part
        return found

    return run
