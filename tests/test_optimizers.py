"""Contracts of the optimizers, and problems whose minimum somebody else knows."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import statsmodels.api as sm
from numerics import compiled, float64, run
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, PoissonRegressor, Ridge

from jaxneuro import (
    Model,
    Status,
    Stop,
    closed_form,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    penalties,
)  # fmt: skip

SAMPLES, FEATURES, L2 = 60, 5, 0.0625
OURS = {"lbfgs": optimizers.lbfgs, "proximal": optimizers.proximal}
OPTAX = {
    "sgd": lambda: optax.sgd(0.25, momentum=0.9),
    "adam": lambda: optax.adam(optax.exponential_decay(0.1, 100, 0.5)),
    "adamw": lambda: optax.adamw(optax.exponential_decay(0.1, 100, 0.5), weight_decay=0.0),
    "optax.lbfgs": optax.lbfgs,
}
EVERY = OURS | OPTAX
LOSSES = {
    "ridge": losses.half_squared_error, "poisson": losses.poisson, "logistic": losses.bernoulli,
}  # fmt: skip


@functools.cache
def problem(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, FEATURES)) @ np.diag([1, 0.5, 2, 1, 1.5])
    drive = x @ np.array([0.5, -0.4, 0.1, 0.0, 0.3]) + 0.3
    made = {
        "ridge": drive + 0.5 * rng.standard_normal(SAMPLES),
        "poisson": rng.poisson(np.exp(drive)),
        "logistic": (rng.uniform(size=SAMPLES) < 1 / (1 + np.exp(-2 * drive))).astype(float),
    }
    return x, made[name].astype(float)


def of(params) -> np.ndarray:
    layer = params["readout"]
    return np.r_[np.ravel(layer["kernel"]), np.ravel(layer["bias"])]


@functools.cache
def optimum(name: str) -> np.ndarray:
    """(feature + 1,) scikit-learn's coefficients and intercept."""
    x, y = problem(name)
    exact = {"tol": 1e-12, "max_iter": 10_000}
    estimator = {
        "ridge": Ridge(alpha=L2 * SAMPLES),
        "poisson": PoissonRegressor(alpha=L2, **exact),
        "logistic": LogisticRegression(C=1 / (L2 * SAMPLES), **exact),
    }[name].fit(x, y)
    return np.r_[np.ravel(estimator.coef_), np.ravel(estimator.intercept_)]


@pytest.mark.parametrize(
    ("name", "problem_name"),
    [*[(name, problem_name) for name in OURS for problem_name in LOSSES],
     ("sgd", "ridge"), ("adam", "logistic"), ("adamw", "ridge"), ("optax.lbfgs", "poisson")],
)  # fmt: skip
def test_reaches_the_optimum_of_scikit_learn(name: str, problem_name: str) -> None:
    with float64():
        stop = Stop(max_steps=3000, gradient=1e-9, plateau=0)
        fit = make_fit(
            models.linear(), LOSSES[problem_name], EVERY[name](), penalties.ridge(), stop
        )
        found = run(fit, make_inputs(*problem(problem_name), hyper={"l2": L2}))
        assert found.status == Status.CONVERGED
        np.testing.assert_allclose(of(found.params), optimum(problem_name), rtol=1e-5, atol=1e-6)
        if name in OURS:
            assert found.steps < 80  # not by patience alone


def test_closed_form_is_the_same_optimum() -> None:
    with float64():
        x, y = (jnp.asarray(a) for a in problem("ridge"))
        kernel, bias = closed_form.ridge(x, y, jnp.ones(SAMPLES), jnp.asarray(L2))
        np.testing.assert_allclose(np.r_[kernel, bias], optimum("ridge"), rtol=1e-10)


@pytest.mark.parametrize("name", ["lbfgs", "optax.lbfgs"])
def test_the_unpenalised_glm_of_statsmodels(name: str) -> None:
    with float64():
        x, y = problem("poisson")
        stop = Stop(max_steps=500, gradient=1e-10, plateau=0)
        fit = make_fit(models.linear(), losses.poisson, EVERY[name](), stop=stop)
        found = run(fit, make_inputs(x, y))
        glm = sm.GLM(y, np.c_[x, np.ones(SAMPLES)], family=sm.families.Poisson()).fit(tol=1e-14)
        np.testing.assert_allclose(of(found.params), glm.params, rtol=1e-6)


def test_multinomial_logistic_regression() -> None:
    with float64():
        x = problem("ridge")[0]
        y = np.digitize(x[:, 0] + 0.5 * x[:, 1], [-0.5, 0.5])
        fit = make_fit(
            models.linear(3), losses.cross_entropy, optimizers.lbfgs(), penalties.ridge(),
            Stop(gradient=1e-9, plateau=0),
        )  # fmt: skip
        found = run(fit, make_inputs(x, y, hyper={"l2": L2}))
        theirs = LogisticRegression(C=1 / (L2 * SAMPLES), tol=1e-12, max_iter=10_000).fit(x, y)
        kernel = np.asarray(found.params["readout"]["kernel"]).T
        np.testing.assert_allclose(kernel, theirs.coef_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("strength", [0.02, 0.125, 0.4])
def test_the_lasso_of_scikit_learn_with_exact_zeros(strength: float) -> None:
    with float64():
        x, y = problem("ridge")
        fit = make_fit(
            models.linear(), losses.half_squared_error, optimizers.proximal(),
            penalties.lasso(strength), Stop(gradient=1e-10, plateau=0),
        )  # fmt: skip
        found = run(fit, make_inputs(x, y))
        theirs = Lasso(alpha=strength, tol=1e-14, max_iter=100_000).fit(x, y)
        assert found.status == Status.CONVERGED
        np.testing.assert_allclose(
            of(found.params), np.r_[theirs.coef_, theirs.intercept_], rtol=1e-6, atol=1e-8
        )
        np.testing.assert_array_equal(of(found.params)[:-1] == 0, theirs.coef_ == 0)
        assert (theirs.coef_ == 0).any() or strength < 0.1


@pytest.mark.parametrize("name", ["poisson", "logistic"])
def test_the_lasso_of_other_losses_meets_its_conditions(name: str) -> None:
    # At the minimum: gradient = -λ sign(w) where w is not 0, and at most λ in size where it is.
    strength = 0.1
    with float64():
        x, y = problem(name)
        fit = make_fit(
            models.linear(), LOSSES[name], optimizers.proximal(), penalties.lasso("l1"),
            Stop(gradient=1e-10, plateau=0),
        )  # fmt: skip
        inputs = make_inputs(x, y, hyper={"l1": strength})
        found = run(fit, inputs)
        strength = float(inputs.hyper["l1"])
        w = of(found.params)
        drive = x @ w[:-1] + w[-1]
        mean = np.exp(drive) if name == "poisson" else 1 / (1 + np.exp(-drive))
        slope = np.r_[x, np.ones((1, FEATURES))][:-1].T @ (mean - y) / SAMPLES
        assert abs((mean - y).mean()) < 1e-7  # the bias is free
        alive = w[:-1] != 0
        assert 0 < alive.sum() < FEATURES
        np.testing.assert_allclose(slope[alive], -strength * np.sign(w[:-1][alive]), atol=1e-7)
        assert np.all(np.abs(slope[~alive]) <= strength)


def test_the_elastic_net_of_scikit_learn() -> None:
    with float64():
        x, y = problem("ridge")
        fit = make_fit(
            models.linear(), losses.half_squared_error, optimizers.proximal(),
            [penalties.lasso(0.1), penalties.ridge(0.3)], Stop(gradient=1e-10, plateau=0),
        )  # fmt: skip
        found = run(fit, make_inputs(x, y))
        theirs = ElasticNet(alpha=0.4, l1_ratio=0.25, tol=1e-14, max_iter=100_000).fit(x, y)
        np.testing.assert_allclose(
            of(found.params), np.r_[theirs.coef_, theirs.intercept_], rtol=1e-6, atol=1e-8
        )


def test_the_group_lasso_meets_its_conditions() -> None:
    # At the minimum: a group's gradient is -λ √size w/‖w‖ where w is not 0, else at most λ √size.
    strength, groups = 0.4, np.arange(FEATURES) // 2
    with float64():
        x, y = problem("poisson")
        fit = make_fit(
            models.linear(), losses.poisson, optimizers.proximal(),
            penalties.group_lasso(groups, strength), Stop(gradient=1e-10, plateau=0),
        )  # fmt: skip
        found = run(fit, make_inputs(x, y))
        assert found.status == Status.CONVERGED
        w = of(found.params)
        slope = x.T @ (np.exp(x @ w[:-1] + w[-1]) - y) / SAMPLES
        alive = 0
        for group in np.unique(groups):
            there = groups == group
            size, mine, drive = np.sqrt(there.sum()), w[:-1][there], slope[there]
            if mine.any():
                alive += 1
                wanted = -strength * size * mine / np.linalg.norm(mine)
                np.testing.assert_allclose(drive, wanted, atol=1e-7)
            else:
                assert np.linalg.norm(drive) <= strength * size
        assert 0 < alive < len(np.unique(groups))


def rosenbrock() -> Model:
    """Its residuals as a model: the mean of their squares has one minimum, 0 at (1, 1)."""

    def apply(params, x):
        a, b = params["point"]["kernel"]
        return jnp.stack([10 * (b - a**2), 1 - a]) + 0 * x[:, 0]

    return Model(lambda key, x: {"point": {"kernel": jnp.asarray([-1.2, 1.0], x.dtype)}}, apply)


@pytest.mark.parametrize("memory", [1, 5, 10])
def test_lbfgs_finds_the_end_of_a_bent_valley(memory: int) -> None:
    with float64():
        stop = Stop(max_steps=500, gradient=1e-10, plateau=0)
        fit = make_fit(rosenbrock(), losses.squared_error, optimizers.lbfgs(memory), stop=stop)
        found = run(fit, make_inputs(np.zeros((2, 1)), np.zeros(2)))
        assert found.status == Status.CONVERGED
        np.testing.assert_allclose(found.params["point"]["kernel"], [1, 1], rtol=1e-7)
        if memory == 10:  # about what scipy's needs, which loops over its line search
            theirs = minimize(
                lambda p: ((10 * (p[1] - p[0] ** 2)) ** 2 + (1 - p[0]) ** 2) / 2,
                [-1.2, 1.0], method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-9},
            )  # fmt: skip
            assert found.steps < theirs.nfev  # which takes 3 for each gradient by differences


def accepted(fit, inputs, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The accepted value after each step, and the value of each trial."""
    objective = []

    @jax.jit
    def step(state):
        new = fit.step(inputs, state)
        return new, new.optimizer.value

    state = jax.jit(fit.init)(inputs)
    for _ in range(steps):
        state, value = step(state)
        objective.append(float(value))
    return np.array(objective), np.asarray(state.progress.status)


@pytest.mark.parametrize("kind", ["rosenbrock", "poisson", "float32 poisson"])
def test_lbfgs_accepted_values_never_rise(kind: str) -> None:
    narrow = kind.startswith("float32")
    with float64():
        if kind == "rosenbrock":
            inputs = make_inputs(np.zeros((2, 1)), np.zeros(2))
            model, loss = rosenbrock(), losses.squared_error
        else:
            x, y = problem("poisson")
            x = x * np.logspace(-1, 1, FEATURES)
            inputs = make_inputs(x.astype(np.float32 if narrow else np.float64), y)
            model, loss = models.linear(), losses.poisson
        stop = Stop(gradient=0, plateau=0)
        values, _ = accepted(make_fit(model, loss, optimizers.lbfgs(), stop=stop), inputs, 60)
        rounding = 20 * np.finfo(inputs.x.dtype).eps * np.abs(values[:-1])
        assert np.all(np.diff(values) <= rounding)
        assert values[-1] < values[0]


def counted(calls: list) -> Model:
    """A linear model that notes every evaluation as it runs."""

    def apply(params, x):
        jax.debug.callback(lambda: calls.append(1))
        return linear.apply(params, x)

    linear = models.linear()
    return Model(linear.init, apply)


@pytest.mark.parametrize("name", OURS)
def test_a_step_is_one_evaluation(name: str) -> None:
    calls: list = []
    x, y = problem("poisson")
    inputs = make_inputs(x, y)
    penalty = penalties.lasso(0.01) if name == "proximal" else ()
    fit = make_fit(
        counted(calls), losses.poisson, OURS[name](), penalty, Stop(gradient=0, plateau=0)
    )
    state, step = compiled(fit).init(inputs), compiled(fit).step
    for expected in range(1, 8):
        state = jax.block_until_ready(step(inputs, state))
        jax.effects_barrier()
        assert len(calls) == expected


def control(fit, inputs) -> set[str]:
    """Names of what branches or loops for an unknown time in a step."""
    text = str(jax.make_jaxpr(fit.step)(inputs, jax.eval_shape(fit.init, inputs)))
    return {name for name in ("while[", "cond[") if f" {name}" in text}


def test_a_step_neither_loops_nor_branches() -> None:
    inputs = make_inputs(*problem("poisson"))
    found = {
        name: control(make_fit(models.linear(), losses.poisson, make()), inputs)
        for name, make in EVERY.items()
    }
    assert found.pop("optax.lbfgs") == {"while[", "cond["}  # what the search would find
    assert not any(found.values()), found


@pytest.mark.parametrize("name", OURS)
def test_badly_scaled_features(name: str) -> None:
    # Scales from 0.001 to 1000, offsets as large: folded away by standardise=True.
    x, y = problem("poisson")
    scales = np.logspace(-3, 3, FEATURES)
    ugly = (x + 2) * scales
    with float64():
        fit = make_fit(
            models.linear(), losses.poisson, OURS[name](),
            stop=Stop(gradient=1e-10, plateau=0, max_steps=300), standardise=True,
        )  # fmt: skip
        found = run(fit, make_inputs(ugly, y))
        glm = sm.GLM(y, np.c_[x, np.ones(SAMPLES)], family=sm.families.Poisson()).fit(tol=1e-14)
        np.testing.assert_allclose(of(found.params)[:-1] * scales, glm.params[:-1], rtol=1e-6)


def test_lbfgs_without_scaling() -> None:
    x, y = problem("poisson")
    scales = np.logspace(-1, 1, FEATURES)
    with float64():
        stop = Stop(gradient=1e-8, plateau=0, max_steps=300)
        fit = make_fit(models.linear(), losses.poisson, optimizers.lbfgs(), stop=stop)
        found = run(fit, make_inputs(x * scales, y))
        glm = sm.GLM(y, np.c_[x, np.ones(SAMPLES)], family=sm.families.Poisson()).fit(tol=1e-14)
        assert found.status == Status.CONVERGED
        np.testing.assert_allclose(of(found.params)[:-1] * scales, glm.params[:-1], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "problem_name"),
    [("lbfgs", "poisson"), ("lbfgs", "logistic"), ("proximal", "poisson")],
)
def test_float32_reaches_a_gradient_of_1e_5(name: str, problem_name: str) -> None:
    fit = make_fit(
        models.linear(), LOSSES[problem_name], OURS[name](), penalties.ridge(), Stop(plateau=0)
    )
    x, y = problem(problem_name)
    found = run(fit, make_inputs(x, y, hyper={"l2": L2}))
    at_zero = {"ridge": 0.0, "poisson": 1.0, "logistic": 0.5}[problem_name] - y
    first = np.linalg.norm(np.r_[at_zero @ x, at_zero.sum()]) / SAMPLES
    assert found.status == Status.CONVERGED
    assert found.gradient_norm <= 1.001e-5 * first
    np.testing.assert_allclose(of(found.params), optimum(problem_name), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", OURS)
def test_recovery_from_an_overflow(name: str) -> None:
    # Features or a first step so large that the first trial's exp overflows: it is shortened.
    x, y = problem("poisson")
    size = {"lbfgs": 200, "proximal": 1}[name]
    inputs = make_inputs(size * x, y)
    optimizer = {"lbfgs": optimizers.lbfgs(), "proximal": optimizers.proximal(first_step=1e3)}[name]
    fit = make_fit(models.linear(), losses.poisson, optimizer, stop=Stop(gradient=1e-4, plateau=0))
    step, state = compiled(fit).step, compiled(fit).init(inputs)
    overflows = 0
    while state.progress.status == Status.RUNNING:
        state = step(inputs, state)
        overflows += int(state.progress.nonfinite > 0)
    assert overflows > 0 and state.progress.status == Status.CONVERGED
    glm = sm.GLM(y, np.c_[x, np.ones(SAMPLES)], family=sm.families.Poisson()).fit()
    found = size * of(state.kept)[:-1]
    np.testing.assert_allclose(found, glm.params[:-1], rtol=0.05, atol=0.02)


def test_lbfgs_memory_must_be_positive() -> None:
    with pytest.raises(ValueError, match="memory is 0"):
        optimizers.lbfgs(0)
    for memory in (2.5, True, "10"):
        with pytest.raises(TypeError, match=r"memory is .*whole number"):
            optimizers.lbfgs(memory)  # type: ignore


@pytest.mark.parametrize("first_step", [0, -1.0, np.nan, np.inf])
def test_the_first_step_must_be_positive(first_step: float) -> None:
    with pytest.raises(ValueError, match=f"first_step is {first_step}, must be a finite number"):
        optimizers.proximal(first_step)


@pytest.mark.parametrize("name", OURS)
def test_the_shape_of_optax(name: str) -> None:
    # init and update, a state whose structure never changes, updates like the parameters.
    optimizer = OURS[name]()
    params = {"a": jnp.ones((2, 3)), "b": {"bias": jnp.zeros(3)}}
    gradient = jax.tree.map(lambda p: p + 0.5, params)
    state = optimizer.init(params)
    updates, new = jax.jit(
        lambda g, s, p: optimizer.update(g, s, p, value=jnp.asarray(2.0), ignored=None)
    )(gradient, state, params)
    assert jax.tree.structure(updates) == jax.tree.structure(params)
    kinds = [jax.tree.map(lambda a: (a.shape, a.dtype), tree) for tree in (state, new)]
    assert kinds[0] == kinds[1]
    moved = optax.apply_updates(params, updates)
    downhill = sum(
        jnp.vdot(u, g) for u, g in zip(*map(jax.tree.leaves, (updates, gradient)), strict=True)
    )
    assert downhill < 0 and moved["a"].shape == (2, 3)
