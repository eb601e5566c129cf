"""One fit: how it ends, what it keeps, what it never looks at."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numerics import compiled, float64, run, trees_close

from jaxneuro import (
    Model,
    Status,
    Stop,
    Warned,
    axes,
    closed_form,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
)  # fmt: skip
from jaxneuro.fit import scaling
from jaxneuro.fit.minibatch import draw, in_blocks

SAMPLES, FEATURES = 40, 4


def arrays(seed: int = 0, noise: float = 0.5):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((SAMPLES, FEATURES))
    return x, x @ np.array([1.0, -1, 0.5, 0]) + 0.3 + noise * rng.standard_normal(SAMPLES)


def mask(*places) -> np.ndarray:
    """(sample,) 1 at the places, numbers or slices, 0 elsewhere."""
    made = np.zeros(SAMPLES)
    for place in places:
        made[place] = 1
    return made


MODEL, LBFGS, SGD = models.linear(), optimizers.lbfgs(), optax.sgd(0.1)


@functools.cache  # the same fit is compiled once
def linear(stop: Stop = Stop(), optimizer=LBFGS, loss=losses.half_squared_error, **options):  # noqa: B008
    return make_fit(MODEL, loss, optimizer, stop=stop, **options)


def by_rate(hyper):
    return optax.sgd(hyper["learning_rate"])


def walk(fit, inputs, steps: int) -> list:
    """The state before and after each of so many steps."""
    fit = compiled(fit)
    step, state = fit.step, fit.init(inputs)
    states = [state]
    for _ in range(steps):
        states.append(step(inputs, states[-1]))
    return states


# How fits end


def test_converged() -> None:
    inputs = make_inputs(*arrays())
    result = run(linear(), inputs)
    assert result.status == Status.CONVERGED and result.warning == Warned.NOTHING
    first = walk(linear(), inputs, 1)[-1].progress.first_gradient
    assert result.gradient_norm <= 1e-5 * first


def test_plateau() -> None:
    # Gradient 0 is never asked for, so the objective has to stop falling.
    result = run(linear(Stop(gradient=0, plateau=5)), make_inputs(*arrays()))
    assert result.status == Status.PLATEAU and 5 <= result.steps < 100
    exact = run(linear(), make_inputs(*arrays()))
    assert float(result.loss) == pytest.approx(float(exact.loss), rel=1e-5)


@pytest.mark.parametrize("steps", [1, 7])
def test_step_limit_is_that_many_updates_and_the_last_iterate_counts(steps: int) -> None:
    x, y = arrays()
    fit = linear(Stop(max_steps=steps, gradient=0, plateau=0), optax.sgd(0.125))
    with float64():
        inputs = make_inputs(x, y)
        states = walk(fit, inputs, steps + 3)
        statuses = [int(state.progress.status) for state in states]
        # init, `steps` updates, one evaluation of the last iterate, nothing more
        assert statuses == [Status.RUNNING] * (steps + 1) + [Status.STEP_LIMIT] * 3
        counted = [int(state.progress.steps) for state in states[: steps + 1]]
        assert counted == list(range(steps + 1))
        result = compiled(fit).result(inputs, states[-1])
        w = np.r_[np.zeros(FEATURES), y.mean()]  # the bias starts at the best constant
        design = np.c_[x, np.ones(SAMPLES)]
        for _ in range(steps):
            w -= 0.125 * design.T @ (design @ w - y) / SAMPLES
        assert result.status == Status.STEP_LIMIT and result.steps == steps
        np.testing.assert_allclose(result.params["readout"]["kernel"][:, 0], w[:-1], rtol=1e-12)
        np.testing.assert_allclose(result.params["readout"]["bias"], w[-1:], rtol=1e-12)
        error = design @ w - y
        assert float(result.loss) == pytest.approx((error**2).mean() / 2, rel=1e-12)
        slope = np.linalg.norm(design.T @ error / SAMPLES)
        assert float(result.gradient_norm) == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("rate", [3.0, 1e3, 1e6, 1e30])
@pytest.mark.parametrize("stop", [Stop(), Stop(max_steps=10), Stop(plateau=0, max_steps=200)])
def test_diverged_by_the_learning_rate(rate: float, stop: Stop) -> None:
    # Whether the values still rise or overflowed long ago: and the start is what is kept.
    fit = linear(stop, by_rate)
    inputs = make_inputs(*arrays(), hyper={"learning_rate": rate})
    result = run(fit, inputs)
    assert result.status == Status.DIVERGED
    assert float(result.loss) == pytest.approx(np.var(arrays()[1]) / 2, rel=1e-5)
    np.testing.assert_array_equal(result.params["readout"]["kernel"], 0)
    np.testing.assert_allclose(result.params["readout"]["bias"], arrays()[1].mean(), rtol=1e-5)


def test_diverged_where_no_value_is_finite() -> None:
    result = run(
        linear(loss=lambda prediction, y: jnp.log(-1 - prediction**2)), make_inputs(*arrays())
    )
    assert result.status == Status.DIVERGED and np.isnan(result.loss)


def validated() -> tuple:
    x, y = arrays(noise=2.0)
    return make_inputs(x, y, weight=mask(slice(0, 8)), validation=mask(slice(8, 30)),
                       held_out=mask(slice(30, 40)))  # fmt: skip


def as_of_y(params, inputs):
    """Parameters under way, which predict `y` about its mean over the fitted samples."""
    readout = params["readout"]
    mean = np.average(inputs.y, weights=inputs.weight)
    return {"readout": readout | {"bias": readout["bias"] + mean}}


def test_early_stopping_keeps_the_best_and_counts_the_last_iterate() -> None:
    inputs = validated()
    patience = 4
    fit = linear(Stop(max_steps=500, gradient=0, plateau=0, patience=patience), SGD)
    result = run(fit, inputs)
    assert result.status == Status.EARLY_STOPPED
    # The same descent without early stopping, judged here.
    states = walk(linear(Stop(max_steps=500, gradient=0, plateau=0), SGD), inputs, 60)
    passed = [as_of_y(s.params, inputs) for s in states]
    apply = jax.jit(models.linear().apply)
    errors = [0.5 * np.square(apply(params, inputs.x) - inputs.y) for params in passed]
    curve = np.array([e[8:30].mean() for e in errors])
    best = int(curve.argmin())
    assert 0 < best < 50 and np.all(np.diff(curve[: best + 1]) < 0)
    assert result.steps == best + patience
    trees_close(result.params, passed[best], rtol=1e-6)
    assert float(result.loss) == pytest.approx(errors[best][:8].mean(), rel=1e-5)
    # Ended by the step limit at that very iterate: it was evaluated, so it is kept.
    cut = run(linear(Stop(max_steps=best, gradient=0, plateau=0, patience=patience), SGD), inputs)
    assert cut.status == Status.STEP_LIMIT
    trees_close(cut.params, passed[best], rtol=1e-6)


def test_early_stopping_never_looks_at_held_out_samples() -> None:
    inputs = validated()
    fit = linear(Stop(max_steps=500, gradient=0, plateau=0, patience=4), SGD)
    result = run(fit, inputs)
    other = inputs._replace(y=inputs.y.at[30:].add(100.0), x=inputs.x.at[30:].multiply(-3))
    again = run(fit, other)
    trees_close(again.params, result.params, rtol=0)
    assert again.steps == result.steps and again.scores["loss"] > 10 * result.scores["loss"]
    moved = run(fit, inputs._replace(y=inputs.y.at[8:30].multiply(-1.0)))
    assert moved.steps != result.steps  # it does look at the validation part


BAD = {
    "no weight": {"weight": np.zeros(SAMPLES)},
    "all NaN": {"y": np.full(SAMPLES, np.nan)},
    "inf": {"y": np.where(mask(3), np.inf, 1.0)},
    "negative count": {"y": np.where(mask(3), -1.0, 1.0), "loss": losses.poisson},
    "half a count": {"y": np.where(mask(3), 0.5, 1.0), "loss": losses.poisson},
    "negative count held out": {
        "y": np.where(mask(3), -1.0, 1.0), "loss": losses.poisson,
        "weight": 1 - mask(3), "held_out": mask(3),
    },
    "no validation": {"stop": Stop(patience=3)},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_data_never_starts(name: str) -> None:
    x, y = arrays()
    case = {"loss": losses.half_squared_error, "stop": Stop()} | BAD[name]
    fit = linear(case.pop("stop"), loss=case.pop("loss"))
    changes = {field: jnp.asarray(value, jnp.float32) for field, value in case.items()}
    inputs = make_inputs(x, y)._replace(**changes)
    states = walk(fit, inputs, 2)
    for state in states:
        assert state.progress.status == Status.BAD_DATA and state.progress.steps == 0
    trees_close(states[-1].params, states[0].params, rtol=0)
    result = compiled(fit).result(inputs, states[-1])
    assert np.isnan(result.loss) and np.isnan(result.gradient_norm)


ENDED = {
    Status.CONVERGED: (Stop(), optimizers.lbfgs()),
    Status.PLATEAU: (Stop(gradient=0, plateau=3), optimizers.lbfgs()),
    Status.STEP_LIMIT: (Stop(max_steps=3), optax.adam(0.1)),
    Status.DIVERGED: (Stop(), optax.sgd(1e6)),
}


@pytest.mark.parametrize("status", ENDED)
def test_a_step_on_an_ended_fit_changes_no_bit(status: Status) -> None:
    stop, optimizer = ENDED[status]
    fit, inputs = compiled(linear(stop, optimizer)), make_inputs(*arrays())
    step, state = fit.step, fit.init(inputs)
    while fit.status(state) == Status.RUNNING:
        state = step(inputs, state)
    assert state.progress.status == status
    for before, after in zip(*map(jax.tree.leaves, (state, step(inputs, state))), strict=True):
        assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize(
    ("y", "loss", "model"),
    [(np.full(SAMPLES, 2.0), losses.half_squared_error, models.linear()),
     (np.zeros(SAMPLES), losses.poisson, models.linear()),
     (np.c_[np.arange(SAMPLES), np.ones(SAMPLES)], losses.half_squared_error, models.linear(2)),
     (np.where(mask(39), 5.0, 2.0), losses.half_squared_error, models.linear())],
    ids=["constant", "silent", "one of two outputs", "but for a held-out sample"],
)  # fmt: skip
def test_constant_target_is_a_warning(y, loss, model) -> None:
    fit = make_fit(model, loss, optimizers.lbfgs(), penalties.ridge(0.1))
    inputs = make_inputs(arrays()[0], y, held_out=mask(39))
    result = run(fit, inputs)
    assert result.warning == Warned.CONSTANT_TARGET
    assert result.status in (Status.CONVERGED, Status.PLATEAU, Status.STEP_LIMIT)
    assert np.isfinite(result.loss)


def test_an_output_without_any_value_is_a_warning() -> None:
    x, y = arrays()
    outputs = np.c_[y, np.where(mask(39), y, np.nan)]
    fit = make_fit(models.linear(2), losses.half_squared_error, LBFGS)
    result = run(fit, make_inputs(x, outputs, held_out=mask(39)))
    assert result.warning == Warned.NO_TARGET and result.status == Status.CONVERGED
    alone = run(linear(), make_inputs(x, y, held_out=mask(39)))
    np.testing.assert_allclose(
        result.params["readout"]["kernel"][:, 0], alone.params["readout"]["kernel"][:, 0], rtol=1e-3
    )


def test_scores_of_nothing_are_a_warning() -> None:
    x, y = arrays()
    y[39] = np.nan
    fit = make_fit(MODEL, losses.half_squared_error, LBFGS, scores={"r2": metrics.r2})
    for inputs in (make_inputs(x, y), make_inputs(x, y, held_out=mask(39))):
        result = run(fit, inputs)
        assert result.warning == Warned.NOT_SCORED and np.isnan(result.scores["r2"])
        plain = run(linear(), inputs)  # nobody asked for more than the loss
        assert plain.warning == Warned.NOTHING and np.isnan(plain.scores["loss"])


# Samples left out

VALUES = {
    "NaN": (np.nan, losses.half_squared_error), "inf": (np.inf, losses.half_squared_error),
    "huge": (1e30, losses.half_squared_error), "negative count": (-3.0, losses.poisson),
    "inf count": (np.inf, losses.poisson), "label beyond": (7, losses.cross_entropy),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("part", ["nowhere", "held_out"])
def test_samples_of_weight_zero_have_no_influence(name: str, part: str) -> None:
    value, loss = VALUES[name]
    x, y = arrays()
    y = y if loss is losses.half_squared_error else np.arange(SAMPLES) % 2 * 1.0
    model = models.linear(2) if loss.labels else models.linear()
    fit = make_fit(model, loss, optimizers.lbfgs(), penalties.ridge(0.1))
    places = slice(35, 40)
    apart = {"held_out": mask(places)} if part == "held_out" else {}
    if part == "held_out" and not np.asarray(loss.valid(jnp.asarray(value))).all():
        return  # a held-out value that cannot be: BAD_DATA, above
    sound = make_inputs(x, y, weight=1 - mask(places), **apart)
    wild = sound._replace(
        y=sound.y.at[places].set(value),
        x=sound.x.at[places].multiply(1e3),  # and exp of what is predicted there overflows
    )
    found, wanted = (run(fit, inputs) for inputs in (wild, sound))
    assert found.status == wanted.status == Status.CONVERGED
    trees_close(found.params, wanted.params, rtol=0)
    assert found.loss == wanted.loss and found.steps == wanted.steps


def test_missing_samples_are_left_out() -> None:
    x, y = arrays()
    gone = [2, 11, 30]
    y[gone] = np.nan
    found = run(linear(), make_inputs(x, y))
    kept = np.delete(np.arange(SAMPLES), gone)
    wanted = run(linear(), make_inputs(x[kept], y[kept]))
    trees_close(found.params, wanted.params, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", [models.linear, models.linear_decoder])
def test_each_output_misses_its_own_values(model) -> None:
    """One fit of many outputs, each without other samples, is ridge regression of each alone."""
    x, _ = arrays()
    rng = np.random.default_rng(1)
    y = x @ rng.normal(size=(FEATURES, 3)) + 2 + rng.normal(size=(SAMPLES, 3))
    y[rng.random(y.shape) < 0.3] = np.nan
    y[0], fitted = np.nan, 1 - mask(slice(30, 40))
    with float64():
        fit = make_fit(model(3), losses.half_squared_error, LBFGS, penalties.ridge(0.2 / 3),
                       Stop(gradient=1e-10, plateau=0), scores={"r2": metrics.r2})  # fmt: skip
        found = run(fit, make_inputs(x, y, weight=fitted, held_out=mask(slice(30, 40))))
        weight = fitted[:, None] * ~np.isnan(y)
        exact = closed_form.ridge(*map(jnp.asarray, (x, y, weight, 0.2)))
        kernel, bias = map(np.asarray, exact)
    np.testing.assert_allclose(found.params["readout"]["kernel"], kernel, rtol=1e-6)
    np.testing.assert_allclose(found.params["readout"]["bias"], bias, rtol=1e-6)
    for i in range(3):
        scored = np.flatnonzero((fitted == 0) & ~np.isnan(y[:, i]))
        error = y[scored, i] - x[scored] @ kernel[:, i] - bias[i]
        wanted = 1 - (error**2).mean() / y[scored, i].var()
        assert float(found.scores["r2"][i]) == pytest.approx(wanted, rel=1e-6)


def test_weight_two_is_a_sample_twice() -> None:
    x, y = arrays()
    rows = np.r_[np.arange(SAMPLES), 5, 9, 9]
    with float64():
        stop = Stop(gradient=1e-10, plateau=0)
        found = run(linear(stop), make_inputs(x, y, weight=np.bincount(rows)))
        wanted = run(linear(stop), make_inputs(x[rows], y[rows]))
        trees_close(found.params, wanted.params, rtol=1e-8)
        assert float(found.loss) == pytest.approx(float(wanted.loss), rel=1e-12)


def test_float32_data_in_a_float64_session_stay_float32() -> None:
    x, y = arrays()
    with float64():
        fit = make_fit(
            MODEL, losses.half_squared_error, optimizers.proximal(),
            (penalties.lasso(0.1), penalties.smoothness("a", {"a": FEATURES}, 0.1)),
            standardise=True,
        )  # fmt: skip
        result = run(fit, make_inputs(x.astype(np.float32), y))
        assert result.status == Status.CONVERGED
        kinds = {leaf.dtype for leaf in jax.tree.leaves((result.params, result.loss))}
        assert kinds == {np.dtype("float32")}


# Scaling and features


def test_standardise_is_a_fit_of_standardised_features() -> None:
    x, y = arrays()
    x = x * [1, 10, 0.1, 3] + [0, 100, -5, 2]
    fitted = mask(slice(0, 25))
    mean, deviation = x[:25].mean(axis=0), x[:25].std(axis=0)  # of the fitted samples only
    options = {"stop": Stop(gradient=1e-10, plateau=0), "penalty": penalties.ridge(0.25)}
    with float64():
        fits = [
            make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs(), **options,
                     standardise=standardise)
            for standardise in (True, False)
        ]  # fmt: skip
        found = run(fits[0], make_inputs(x, y, weight=fitted))
        wanted = run(fits[1], make_inputs((x - mean) / deviation, y, weight=fitted))
        in_units = float(wanted.loss) / y[:25].var()  # of y as well: the same optimum
        assert float(found.loss) == pytest.approx(in_units, rel=1e-10)
        raw = fits[0].predict(found.params, jnp.asarray(x))  # parameters act on the raw x
        scaled = fits[1].predict(wanted.params, jnp.asarray((x - mean) / deviation))
        np.testing.assert_allclose(raw, scaled, rtol=1e-8)
        kernel = found.params["readout"]["kernel"][:, 0]
        np.testing.assert_allclose(
            kernel * deviation, wanted.params["readout"]["kernel"][:, 0], rtol=1e-7
        )


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_features_are_divided_by_a_power_of_their_deviation(power: float) -> None:
    x, y = arrays()
    x = x * [1, 10, 0.1, 3] + [0, 100, -5, 2]
    x[:25, 3] = 2  # silent while fitted
    mean, deviation = x[:25].mean(axis=0), x[:25].std(axis=0)
    common = np.sqrt(np.square(deviation[:3]).mean())
    gain = [*deviation[:3] ** -power * common ** (power - 1), 0]
    options = {"stop": Stop(gradient=1e-10, plateau=0), "penalty": penalties.ridge(0.25)}
    with float64():
        fits = [
            make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs(), **options,
                     standardise=standardise)
            for standardise in ("power", False)
        ]  # fmt: skip
        inputs = make_inputs(x, y, weight=mask(slice(0, 25)), hyper={"power": power})
        found = run(fits[0], inputs)
        wanted = run(fits[1], make_inputs((x - mean) * gain, (y - y[:25].mean()) / y[:25].std(),
                                          weight=mask(slice(0, 25))))  # fmt: skip
        assert float(found.loss) == pytest.approx(float(wanted.loss), rel=1e-9)
        scaled = fits[1].predict(wanted.params, jnp.asarray((x - mean) * gain))
        np.testing.assert_allclose(fits[0].predict(found.params, jnp.asarray(x)),
                                   scaled * y[:25].std() + y[:25].mean(), rtol=1e-6)  # fmt: skip
        other = run(fits[0], inputs._replace(x=inputs.x * 1e3))  # units are no matter
        assert float(other.loss) == pytest.approx(float(found.loss), rel=1e-9)
    with pytest.raises(TypeError, match=r"standardise is 0.5: pass True, False or the name of"):
        make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs(),
                 standardise=0.5)  # fmt: skip  # pyright: ignore
    with pytest.raises(
        KeyError, match=r"standardise: hyper-parameter 'power' is not in .*\['l2'\]"
    ):
        run(fits[0], make_inputs(x, y, hyper={"l2": 1.0}))


def shrunk(rates, relative: bool) -> np.ndarray:
    """(neuron,) norms of the weights under a penalty, as shares of those without."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 3))
    drive = x @ np.array([0.5, -0.3, 0.2])
    counts = rng.poisson(np.exp(drive)[:, None] * rates)
    fit = make_fit(MODEL, losses.poisson, LBFGS, penalties.ridge(), standardise=True,
                   relative=relative)  # fmt: skip
    every = [axes.targets(len(rates)), axes.grid(l2=[0, 0.5])]
    found = fit_many(fit, make_inputs(x, counts.astype(float)), every, lanes=4)
    norms = np.linalg.norm(found.params["readout"]["kernel"][..., 0], axis=-1)
    return norms[:, 1] / norms[:, 0]


def test_relative_penalties_mean_the_same_for_quiet_and_for_loud_neurons() -> None:
    quiet, loud = shrunk([0.1, 10], relative=True)
    assert quiet == pytest.approx(loud, rel=0.05) and 0.5 < loud < 0.8
    quiet, loud = shrunk([0.1, 10], relative=False)
    assert quiet < 0.3 and loud > 0.9


def test_relative_to_squared_error_is_no_change_but_by_its_curvature() -> None:
    x, y = arrays()
    options = {"optimizer": LBFGS, "standardise": True}
    found, wanted, twice = (
        run(make_fit(MODEL, loss, penalty=penalties.ridge(l2), relative=relative, **options),
            make_inputs(x, y))
        for loss, l2, relative in ((losses.half_squared_error, 0.3, True),
                                   (losses.half_squared_error, 0.3, False),
                                   (losses.squared_error, 0.3, True))
    )  # fmt: skip
    trees_close(found.params, wanted.params, rtol=1e-6)
    trees_close(twice.params, wanted.params, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match=r"relative=True needs a loss whose curvature is known"):
        linear(loss=lambda prediction, y: jnp.abs(prediction - y), relative=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["poisson", "poisson_softplus", "bernoulli", "cross_entropy"])
def test_fits_start_at_the_best_constant(name: str) -> None:
    loss, rng = getattr(losses, name), np.random.default_rng(0)
    y = rng.integers(0, {"bernoulli": 2, "cross_entropy": 3}.get(name, 9), SAMPLES)
    weight = 1 - mask(slice(30, 40))
    fit = make_fit(models.linear(3) if loss.labels else MODEL, loss, LBFGS)
    with float64():
        inputs = make_inputs(arrays()[0], y, weight=weight)
        params = fit.init(inputs).params
        predicted = fit.predict(params, inputs.x[:1])[0]
        mean = np.bincount(y[:30]) if loss.labels else y[:30].mean()
        wanted = (mean + 0.5) / 31.5 if loss.labels else mean  # of classes, kept off 0
        np.testing.assert_allclose(predicted, wanted, rtol=1e-6)
        slope = jax.grad(lambda bias: losses.mean_loss(
            loss, models.linear(3 if loss.labels else None).apply(
                {"readout": params["readout"] | {"bias": bias}}, inputs.x
            ), inputs.y, inputs.weight,
        ))(params["readout"]["bias"])  # fmt: skip
        assert np.abs(slope).max() < (0.02 if loss.labels else 1e-6)
    silent = fit.init(make_inputs(arrays()[0], 0 * y, weight=weight)).params
    assert np.isfinite(silent["readout"]["bias"]).all()


def test_standardise_leaves_a_constant_feature_out() -> None:
    x, y = arrays()
    x[:, 1] = 7
    found = run(linear(standardise=True), make_inputs(x, y))
    assert found.status == Status.CONVERGED
    assert found.params["readout"]["kernel"][1] == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.params))


@pytest.mark.parametrize("precondition", [False, True])
def test_standardise_leaves_out_what_is_silent_while_fitted(precondition: bool) -> None:
    """Neurons that fire in one fold only: in single precision, over a long recording, rounding
    must not pass for variance, or their weights would ruin that fold's prediction."""
    rng = np.random.default_rng(0)
    samples, neurons = 20_000, 12
    x = rng.poisson(0.05, (samples, neurons)).astype(np.float32)
    x[: samples // 2, :4] = rng.poisson(0.002, (samples // 2, 4))
    x[samples // 2 :, :4] = 0
    y = x[:, 4:] @ rng.normal(size=neurons - 4) + 0.1 * rng.normal(size=samples)
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(1e-3),
        scores={"r2": metrics.r2}, standardise=True, precondition=precondition,
    )  # fmt: skip
    folds = axes.folds(splits.blocks(samples, 2))
    found = fit_many(fit, make_inputs(x, y), [folds], lanes=2)
    silent = found.params["readout"]["kernel"][:, :4, 0]
    assert (silent[0] == 0).all() and (silent[1] != 0).all()
    assert (found.scores["r2"] > 0.9).all() and found.statuses() == {"converged": 2}


@pytest.mark.parametrize("samples", [2, 3, 4, 5, 7, 30])
def test_standardise_measures_mean_and_deviation(samples: int) -> None:
    x = 1e3 + np.random.default_rng(samples).normal(size=(samples, 3)).astype(np.float32)
    weight = np.arange(1, samples + 1, dtype=np.float32)
    found = scaling.measure(jnp.asarray(x), jnp.asarray(weight))
    mean = np.average(x.astype(float), axis=0, weights=weight)
    variance = np.average((x - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(found.gain, variance**-0.5, rtol=1e-3)


def test_standardise_is_not_moved_by_an_artefact_in_a_sample_left_out() -> None:
    x, y = arrays()
    weight = np.ones(SAMPLES)
    weight[7] = 0
    spoilt = x.copy()
    spoilt[7] = 1e7
    fit = linear(standardise=True)
    found, wanted = (run(fit, make_inputs(a, y, weight=weight)) for a in (spoilt, x))
    assert found.status == wanted.status == Status.CONVERGED
    trees_close(found.params, wanted.params, rtol=1e-4)


def test_standardise_needs_a_dense_first_layer() -> None:
    with pytest.raises(ValueError, match="standardise=True needs a model with a dense first"):
        make_fit(models.cnn(2), losses.cross_entropy, optax.adam(0.1), standardise=True)
    inputs = make_inputs(np.ones((4, 4, 4)), np.ones(4))
    fit = make_fit(models.cnn(2), losses.cross_entropy, optax.adam(0.1))
    with pytest.raises(ValueError, match=r"inputs.features needs a model with a dense first"):
        run(fit, inputs._replace(features=jnp.ones(16), y=jnp.zeros(4, int)))


@pytest.mark.parametrize("standardise", [False, True, "power"])
def test_a_features_mask_is_dropping_columns(standardise: bool | str) -> None:
    x, y = arrays()
    kept = np.array([1, 0, 1, 0], bool)
    with float64():
        fit = make_fit(
            models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(0.25),
            Stop(gradient=1e-10, plateau=0), standardise=standardise,
        )  # fmt: skip
        hyper = {"power": 0.5}
        masked = make_inputs(x, y, hyper=hyper)._replace(features=jnp.asarray(kept, float))
        found, wanted = run(fit, masked), run(fit, make_inputs(x[:, kept], y, hyper=hyper))
        kernel = np.asarray(found.params["readout"]["kernel"])[:, 0]
        np.testing.assert_array_equal(kernel[~kept], 0)
        np.testing.assert_allclose(
            kernel[kept], wanted.params["readout"]["kernel"][:, 0], rtol=1e-7
        )
        assert float(found.loss) == pytest.approx(float(wanted.loss), rel=1e-10)


# Minibatches


def batches(inputs, size: int, steps: int) -> np.ndarray:
    """(step, size) which samples are drawn, and their weights must be 1."""
    numbered = inputs._replace(x=jnp.arange(SAMPLES)[:, None], y=jnp.arange(SAMPLES))
    mass = jnp.cumsum(inputs.weight)
    drawn = jax.jit(jax.vmap(lambda step: draw(numbered, mass, step, size)._replace(key=0)))(
        jnp.arange(steps)
    )
    assert np.all(drawn.weight == 1)
    np.testing.assert_array_equal(drawn.x[..., 0], drawn.y)
    return np.asarray(drawn.y)


def test_batches_draw_what_has_weight_equally_often() -> None:
    weight = 1 - mask(slice(0, 5), 17, slice(33, 40))
    inputs = make_inputs(*arrays(), weight=weight, held_out=mask(17))
    drawn = batches(inputs, 8, 4000)
    often = np.bincount(drawn.ravel(), minlength=SAMPLES)
    np.testing.assert_array_equal(often > 0, weight > 0)
    expected = 4000 * 8 / weight.sum()
    assert np.abs(often[weight > 0] - expected).max() < 5 * np.sqrt(expected)
    assert len({tuple(row) for row in drawn[:20]}) == 20  # another batch at every step
    quarter = drawn[:, :2]  # spread evenly: the first shares hold the first samples
    assert quarter.max() <= np.flatnonzero(np.cumsum(weight) >= weight.sum() / 4)[0]


def test_batches_draw_by_weight() -> None:
    weight = mask(3, 20, 30)
    weight[20] = 2
    often = np.bincount(
        batches(make_inputs(*arrays(), weight=weight), 4, 4000).ravel(), minlength=40
    )
    np.testing.assert_allclose(often[[3, 20, 30]] / 16_000, [0.25, 0.5, 0.25], atol=0.02)


IN_BATCHES = make_fit(
    models.mlp((6,)), losses.half_squared_error, optax.adam(0.02),
    stop=Stop(max_steps=60, gradient=0, plateau=0), batch=8,
)  # fmt: skip


def batched(key: int = 0, **changes):
    fit = IN_BATCHES
    inputs = make_inputs(
        *arrays(), weight=1 - mask(slice(30, 40)), held_out=mask(slice(30, 40)), key=key
    )
    inputs = inputs._replace(**changes)
    return fit, inputs, run(fit, inputs)


def test_batches_by_key_and_only_from_what_is_fitted() -> None:
    _, inputs, result = batched()
    assert result.status == Status.STEP_LIMIT and result.steps == 60
    trees_close(batched()[2].params, result.params, rtol=0)
    wild = {"x": inputs.x.at[30:].set(1e3), "y": inputs.y.at[30:].set(-1e3)}
    trees_close(batched(**wild)[2].params, result.params, rtol=0)
    other = batched(key=1)[2]
    assert not np.allclose(other.params["hidden_0"]["kernel"], result.params["hidden_0"]["kernel"])


def test_blocks_of_predictions_are_the_whole() -> None:
    fit, inputs, result = batched()
    whole = models.mlp((6,)).apply(result.params, inputs.x)
    np.testing.assert_allclose(fit.predict(result.params, inputs.x), whole, rtol=1e-5, atol=1e-6)
    error = 0.5 * np.square(np.asarray(whole)[30:] - np.asarray(inputs.y)[30:])
    assert float(result.scores["loss"]) == pytest.approx(error.mean(), rel=1e-5)
    for size in (1, 7, 40, 50, None):
        found = in_blocks(lambda x: 2 * x, inputs.x, size)
        np.testing.assert_array_equal(found, 2 * inputs.x)


def test_batches_keep_the_last_parameters() -> None:
    fit, inputs, result = batched()
    states = walk(fit, inputs, 61)
    assert states[-1].progress.status == Status.STEP_LIMIT
    trees_close(states[-1].kept, states[60].params, rtol=0)
    assert not np.allclose(states[-1].kept["readout"]["kernel"],
                           states[59].params["readout"]["kernel"], rtol=1e-6)  # fmt: skip
    assert np.isfinite(result.loss)


@pytest.mark.parametrize("batch", [4, 16])  # below and above the ten to judge by
def test_batches_stop_early_and_keep_the_best(batch) -> None:
    x, y = arrays()
    inputs = make_inputs(x, y, weight=mask(slice(0, 30)), validation=mask(slice(30, 40)))
    fit = linear(Stop(max_steps=400, gradient=0, plateau=0, patience=7), SGD, batch=batch)
    places = np.arange(30, 40) if batch > 10 else np.array([31, 33, 36, 38])
    states = walk(fit, inputs, 401)
    watched, weight = states[0].draws.watched, states[0].draws.validation
    assert sorted(np.asarray(watched)[np.asarray(weight) > 0]) == places.tolist()
    centre, judged = float(states[0].frame.units.centre), []
    for state in states:
        readout = jax.tree.map(np.asarray, state.params["readout"])
        predicted = centre + x[places] @ readout["kernel"][:, 0] + readout["bias"]
        judged.append(float(0.5 * np.square(predicted - y[places]).mean()))
    last = int(states[-1].progress.steps)
    assert states[-1].progress.status == Status.EARLY_STOPPED and last < 400
    best = int(np.argmin(judged[: last + 1]))
    assert best == last - 7
    trees_close(states[-1].kept, states[best].params, rtol=1e-6)
    assert float(states[-1].progress.best_rank) == pytest.approx(judged[best], rel=1e-4)


def test_batch_needs_a_size() -> None:
    with pytest.raises(ValueError, match="batch is 0, must be at least 1"):
        linear(batch=0)
    with pytest.raises(ValueError, match="max_steps is 0"):
        linear(Stop(max_steps=0))


# What comes out


def test_held_out_scores_are_of_held_out_samples_only() -> None:
    x, y = arrays()
    inputs = make_inputs(x, y, held_out=mask(slice(30, 40)))
    scores = {"r2": metrics.r2, "mass": lambda y, response, weight: weight.sum()}
    fit = make_fit(MODEL, losses.half_squared_error, LBFGS, scores=scores)
    result = run(fit, inputs)
    predicted = np.asarray(fit.predict(result.params, inputs.x), np.float64)[30:]
    y = y[30:]
    wanted = 1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert float(result.scores["r2"]) == pytest.approx(wanted, rel=1e-4)
    assert result.scores["mass"] == 10
    assert np.isnan(run(linear(), make_inputs(x, y[:1].repeat(SAMPLES))).scores["loss"])


@pytest.mark.parametrize(
    "name", ["poisson", "poisson_softplus", "gamma", "bernoulli", "cross_entropy"]
)
def test_predict_is_the_response_of_apply(name: str) -> None:
    loss = getattr(losses, name)
    model = models.mlp((3,), 2)
    fit = make_fit(model, loss, optax.adam(0.1))
    x = jnp.asarray(arrays()[0], jnp.float32)
    params = model.init(jax.random.key(0), x)
    found = fit.predict(params, x)
    np.testing.assert_array_equal(found, loss.response(model.apply(params, x)))
    rates = fit._replace(loss=loss).predict(params, x[:3])
    np.testing.assert_allclose(found[:3], rates, rtol=1e-5)


def test_a_column_more_or_less_is_no_matter_and_other_shapes_are() -> None:
    x, y = arrays()
    flat = run(linear(), make_inputs(x, y))
    column = make_fit(models.linear(1), losses.half_squared_error, optimizers.lbfgs())
    for fit, target in ((linear(), y[:, None]), (column, y), (column, y[:, None])):
        found = run(fit, make_inputs(x, target))
        trees_close(found.params, flat.params, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"predicts \(40,\) and y is \(40, 3\)"):
        run(linear(), make_inputs(x, np.c_[y, y, y]))
    with pytest.raises(ValueError, match=r"expected \(sample, class\)"):
        run(linear(loss=losses.cross_entropy), make_inputs(x, (y > 0).astype(int)))


def test_hyper_parameters_are_traced_and_the_key_starts_the_parameters() -> None:
    traces = []

    def apply(params, x):
        traces.append(1)
        return mlp.apply(params, x)

    mlp = models.mlp((3,))
    fit = make_fit(
        Model(mlp.init, apply), losses.half_squared_error,
        lambda hyper: optax.sgd(hyper["learning_rate"]), penalties.ridge(),
    )  # fmt: skip
    init, step, starts = jax.jit(fit.init), jax.jit(fit.step), []
    counted = []
    for seed, rate in ((0, 0.1), (1, 0.1), (1, 0.2)):
        hyper = {"learning_rate": rate, "l2": rate}
        inputs = make_inputs(*arrays(), hyper=hyper, key=seed)
        state = init(inputs)
        starts.append((state.params["hidden_0"]["kernel"], step(inputs, state).params))
        counted.append(len(traces))
    assert counted == counted[:1] * 3  # new values, the same programs
    assert not np.array_equal(starts[0][0], starts[1][0])
    np.testing.assert_array_equal(starts[1][0], starts[2][0])
    assert not np.array_equal(*(s[1]["readout"]["kernel"] for s in starts[1:]))
