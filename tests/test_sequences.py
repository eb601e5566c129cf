"""Recurrent and convolutional networks of stretches of time."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerics import float64

import jaxneuro as jn
from jaxneuro import decoding, features, losses, metrics, models


def test_gru_is_that_of_flax() -> None:
    rng = np.random.default_rng(0)
    with float64():
        x = jnp.asarray(rng.normal(size=(5, 7, 3)))
        model = models.recurrent(4, 2)
        params = jax.tree.map(
            lambda a: jnp.asarray(rng.normal(size=a.shape)), model.init(jax.random.key(0), x)
        )
        kernels, biases = (jnp.split(params["input"][n], 3, -1) for n in ("kernel", "bias"))
        states = jnp.split(params["state"]["kernel"], 3, axis=1)
        theirs = {
            f"i{gate}": {"kernel": k, "bias": b}
            for gate, k, b in zip("rzn", kernels, biases, strict=True)
        } | {f"h{gate}": {"kernel": k} for gate, k in zip("rzn", states, strict=True)}
        theirs["hn"]["bias"] = params["state"]["bias"]
        cell = nn.GRUCell(4, param_dtype=jnp.float64)
        state = jnp.zeros((5, 4))
        for t in range(7):
            state, _ = cell.apply({"params": theirs}, state, x[:, t])
        readout = params["readout"]
        wanted = state @ readout["kernel"] + readout["bias"]
        np.testing.assert_allclose(model.apply(params, x), wanted, rtol=1e-12)


def test_lstm_is_that_of_flax() -> None:
    rng = np.random.default_rng(0)
    with float64():
        x = jnp.asarray(rng.normal(size=(5, 6, 3)))
        model = models.recurrent(4, cell="lstm")
        start = model.init(jax.random.key(0), x)
        np.testing.assert_array_equal(start["input"]["bias"], np.repeat([0.0, 1, 0, 0], 4))
        params = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), start)
        kernels = jnp.split(params["input"]["kernel"], 4, axis=1)
        biases = jnp.split(params["input"]["bias"], 4)
        states = jnp.split(params["state"]["kernel"], 4, axis=1)
        parts = zip("ifog", kernels, biases, states, strict=True)
        theirs = {}
        for gate, kernel, bias, state in parts:
            theirs |= {f"i{gate}": {"kernel": kernel}, f"h{gate}": {"kernel": state, "bias": bias}}
        cell = nn.LSTMCell(4, param_dtype=jnp.float64)
        carry = (jnp.zeros((5, 4)), jnp.zeros((5, 4)))
        for t in range(6):
            carry, out = cell.apply({"params": theirs}, carry, x[:, t])
        readout = params["readout"]
        wanted = (out @ readout["kernel"] + readout["bias"])[:, 0]
        np.testing.assert_allclose(model.apply(params, x), wanted, rtol=1e-12)


@pytest.mark.slow
def test_convolutions_see_so_far_back_and_no_further() -> None:
    rng = np.random.default_rng(0)
    with float64():
        model = models.temporal_convolution((3, 3, 2), 2)
        x = jnp.asarray(rng.normal(size=(1, 12, 2)))
        params = jax.tree.map(
            lambda a: jnp.abs(a) + 0.1, model.init(jax.random.key(1), x)
        )  # no unit is silent
        slope = np.abs(jax.grad(lambda x: model.apply(params, jnp.abs(x))[0])(x))[0].sum(axis=1)
        seen = 1 + (2 - 1) * (2**3 - 1)
        assert (slope[-seen:] > 0).all() and not slope[:-seen].any()


def fit_of(model, steps: int) -> jn.Fit:
    return jn.make_fit(
        model, losses.half_squared_error, jn.optimizers.lbfgs(), jn.penalties.ridge(0.01),
        jn.Stop(max_steps=steps), scores={"r2": metrics.r2}, standardise=True, relative=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("model", [models.recurrent(3, 1), models.temporal_convolution((3,), 2, 1)])
def test_features_are_scaled_by_each_folds_own_samples_at_all_times(model) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal([5, 100], [2, 0.3], (90, 4, 2))
    y = np.tanh((x[:, -1, :1] - 5) / 2 + (x[:, -2, 1:] - 100)) + rng.normal(0, 0.1, (90, 1))
    part = np.arange(90) % 3 == 0
    own = x[~part].reshape(-1, 2)
    scaled = (x - own.mean(axis=0)) / own.std(axis=0)
    few, plain = (  # one step: rounding decides what a line search takes
        jn.fit_many(fit_of(model, 1), jn.make_inputs(a, y, held_out=part), [jn.axes.seeds(2)])
        for a in (x, scaled)
    )
    np.testing.assert_allclose(few.loss, plain.loss, rtol=1e-3)
    np.testing.assert_allclose(few.scores["r2"], plain.scores["r2"], atol=5e-3)
    np.testing.assert_allclose(few.predict(x), plain.predict(scaled), atol=5e-3)
    many = jn.fit_many(fit_of(model, 25), jn.make_inputs(x, y, held_out=part))
    assert many.scores["r2"].min() > 0.6


def test_a_first_layer_that_meets_some_features_is_not_preconditioned() -> None:
    rng = np.random.default_rng(0)
    fit = jn.make_fit(models.recurrent(3), losses.squared_error, jn.optimizers.lbfgs(),
                      precondition=True)  # fmt: skip
    with pytest.raises(ValueError, match="meets all features at once"):
        jn.fit_many(fit, jn.make_inputs(rng.normal(size=(9, 3, 2)), np.arange(9.0)))


def test_features_far_from_zero_are_predicted_from() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3, 2)).round(3)
    y = x[:, -1] @ [1.0, -1.0]
    fits = jn.fit_many(fit_of(models.recurrent(3), 25), jn.make_inputs(x + 1e6, y))
    assert fits.x_origin is not None
    assert np.corrcoef(fits.predict(x + 1e6), y)[0, 1] > 0.97


@pytest.mark.slow
def test_a_state_that_remembers_is_decoded() -> None:
    """A running sum that leaks: a network of the past finds it, and the last sample does not."""
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(1500, 3))
    y = np.zeros((1500, 2))
    for t in range(1, 1500):
        y[t] = 0.7 * y[t - 1] + np.tanh(signal[t, :2] * signal[t, 2:])
    y = y[:, :1]
    x = features.lags(signal, 8)[:, ::-1]
    splits = jn.protocol(1500, series=True, folds=3, gap=8)
    grid = jn.axes.grid(l2=[1e-4], learning_rate=[0.01])
    scores = {}
    for name, fit in {
        "gru": decoding.recurrent(1, 16, 400),
        "lstm": decoding.recurrent(1, 16, 400, cell="lstm"),
        "convolution": decoding.temporal_convolution(1, (16, 16), 4, 400),
        "linear": decoding.linear_decoder(1),
    }.items():
        over = grid if name != "linear" else grid[:1]
        scores[name] = decoding.decode(fit, x, y, splits, over).fits.scores["r2"].mean()
    assert scores["linear"] < 0.2
    assert min(scores[name] for name in ("gru", "lstm", "convolution")) > 0.6, scores


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_readin_is_a_mixture_of_the_features(cell) -> None:
    """The network behind it, told the mixtures, says the same."""
    rng = np.random.default_rng(3)
    x = jnp.asarray(rng.normal(size=(5, 4, 7)), jnp.float32)
    model = models.recurrent(6, 2, cell=cell, readin=3)
    params = model.init(jax.random.key(0), x)
    assert params["input"]["kernel"].shape == (7, 3) and model.first_layer == ("input",)
    assert set(params) == {"input", "gates", "state", "readout"}
    behind = {"input": params["gates"], "state": params["state"], "readout": params["readout"]}
    mixed = x @ params["input"]["kernel"] + params["input"]["bias"]
    told = models.recurrent(6, 2, cell=cell).apply(behind, mixed)
    np.testing.assert_allclose(model.apply(params, x), told, atol=1e-6)
    if cell == "lstm":  # the forget gate starts open, wherever the gates lie
        np.testing.assert_array_equal(params["gates"]["bias"][6:12], 1)
        assert not np.any(params["input"]["bias"])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_each_moment_is_the_last_of_what_came_before(cell) -> None:
    rng = np.random.default_rng(4)
    x = jnp.asarray(rng.normal(size=(5, 7, 3)), jnp.float32)
    whole, every = (models.recurrent(4, 2, cell=cell, readin=2, moments=m) for m in (None, 3))
    params = whole.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, params, every.init(jax.random.key(0), x))
    made = every.apply(params, x)
    assert made.shape == (5, 3, 2) and every.readout is None
    for moment, seen in enumerate((5, 6, 7)):
        np.testing.assert_allclose(made[:, moment], whole.apply(params, x[:, :seen]), atol=1e-6)


def test_dropout_leaves_scores_alone_and_bad_arguments_are_named() -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(4, 3, 2)), jnp.float32)
    model = models.recurrent(3, dropout=0.5)
    params = model.init(jax.random.key(0), x)
    drawn = [model.train(params, x, jax.random.key(i)) for i in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    np.testing.assert_array_equal(model.apply(params, x), models.recurrent(3).apply(params, x))
    for make, told in (
        (lambda: models.recurrent(0), "sizes are"),
        (lambda: models.recurrent(cell="rnn"), "cell is 'rnn'"),
        (lambda: models.recurrent(dropout=1.0), "dropout is 1.0"),
        (lambda: models.recurrent(readin=0), "readin is 0"),
        (lambda: models.recurrent(moments=0), "moments is 0"),
        (lambda: models.temporal_convolution(()), "sizes are"),
        (lambda: models.temporal_convolution(size=0), "size is 0"),
    ):
        with pytest.raises(ValueError, match=told):
            make()
    with pytest.raises(ValueError, match=r"x is \(4, 6\), must be \(sample, time, feature\)"):
        model.init(jax.random.key(0), x.reshape(4, 6))
