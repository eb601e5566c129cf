"""Models that are random while they are fitted, and exact when they are scored."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxneuro as jn
from jaxneuro import losses, models

RNG = np.random.default_rng(0)
X = RNG.normal(0, [1.0, 2.0, 0.5], (400, 3)).astype(np.float32)
Y = (X @ [1.0, -0.5, 2.0] + RNG.normal(0, 0.5, 400)).astype(np.float32)
NEVER = {"gradient": 0.0, "plateau": 0}


class Dropped(nn.Module):
    """A linear model some of whose features are left out at each step."""

    rate: float

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = nn.Dropout(self.rate, deterministic=not train, name="dropout")(x)
        return nn.Dense(1, name="readout")(x)[:, 0]


def model(rate: float) -> jn.Model:
    return models.from_linen(Dropped(rate), training={"train": True})


def fit_of(made: jn.Model, **stop):
    return jn.make_fit(
        made,
        losses.squared_error,
        lambda hyper: optax.sgd(hyper["learning_rate"]),
        stop=jn.Stop(**NEVER | stop),
    )


def test_dropout_of_features_is_a_ridge_in_their_own_units() -> None:
    """In expectation, p / (1 - p) · Σ mean(x²) w² (Srivastava et al. 2014, section 9.1)."""
    rate = 0.4
    inputs = jn.make_inputs(X, Y, hyper={"learning_rate": 2e-3})
    fits = jn.fit_many(fit_of(model(rate), max_steps=6000), inputs, [jn.axes.seeds(8)])
    found = fits.params["readout"]["kernel"][..., 0].mean(axis=0)
    design = np.c_[X, np.ones(len(X))].astype(float)
    ridge = np.diag([*(rate / (1 - rate) * np.square(X).sum(axis=0)), 0.0])
    expected = np.linalg.solve(design.T @ design + ridge, design.T @ Y)[:-1]
    plain = np.linalg.lstsq(design, Y, rcond=None)[0][:-1]
    np.testing.assert_allclose(found, expected, rtol=0.04)
    assert (np.abs(expected) < 0.75 * np.abs(plain)).all()


def test_without_dropout_it_is_the_model_itself() -> None:
    inputs = jn.make_inputs(X, Y, hyper={"learning_rate": 0.05})
    plain, none = (
        jn.fit_many(fit_of(made, max_steps=30), inputs)
        for made in (models.from_linen(Dropped(0.0)), model(0.0))
    )
    np.testing.assert_allclose(none.params["readout"]["kernel"], plain.params["readout"]["kernel"])


def test_each_fit_draws_its_own_whatever_runs_beside_it() -> None:
    fit = fit_of(model(0.5), max_steps=20)
    inputs = jn.make_inputs(X, Y, hyper={"learning_rate": 0.05})
    every = jn.fit_many(fit, inputs, [jn.axes.seeds(6)], lanes=4)
    kernels = every.params["readout"]["kernel"].reshape(6, -1)
    assert len(np.unique(kernels, axis=0)) == 6
    alone = jn.fit_many(fit, inputs, [jn.axes.seeds(6)], rows=[[4]], lanes=4)
    np.testing.assert_array_equal(alone.params["readout"]["kernel"].ravel(), kernels[4])


def test_scores_and_early_stopping_are_of_the_whole_model() -> None:
    part = np.arange(400) % 4
    inputs = jn.make_inputs(X, Y, held_out=part == 0, validation=part == 1,
                            hyper={"learning_rate": 0.05})  # fmt: skip
    made = fit_of(model(0.5), max_steps=300, patience=15)
    fits = jn.fit_many(made, inputs)
    assert fits.statuses() == {"early_stopped": 1}
    prediction = made.predict(fits.params, jnp.asarray(X))
    np.testing.assert_array_equal(prediction, made.predict(fits.params, jnp.asarray(X)))
    loss = np.mean((np.asarray(prediction) - Y)[part == 0] ** 2)
    np.testing.assert_allclose(fits.scores["loss"], loss, rtol=1e-5)
    # The same steps, followed by hand: what is kept has the least validation loss.
    step, state = jax.jit(made.step), made.init(made.prepare(inputs))
    seen = []
    for _ in range(int(fits.steps) + 1):
        output = made.predict(state.params, jnp.asarray(X))
        seen.append(np.mean((np.asarray(output) - Y)[part == 1] ** 2))
        state = step(inputs, state)
    assert int(np.argmin(seen)) == int(fits.steps) - 15
    np.testing.assert_allclose(
        np.mean((np.asarray(prediction) - Y)[part == 1] ** 2), min(seen), rtol=1e-5
    )


def test_models_of_equal_parts_are_equal() -> None:
    assert model(0.5) == model(0.5) and hash(model(0.5)) == hash(model(0.5))
    assert model(0.5) != models.from_linen(Dropped(0.5))


def test_nnx_says_where_dropout_goes() -> None:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.dropout(x)

    with pytest.raises(ValueError, match=r"for dropout a linen module"):
        models.from_nnx(Net).init(jax.random.key(0), jnp.ones((1, 4)))
