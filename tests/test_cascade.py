"""The Wiener cascade against a known cubic, the linear filter and a second solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

import jaxneuro as jn
from jaxneuro import axes, decoding, splits
from jaxneuro.decoding.cascade import wiener_cascade
from jaxneuro.models.cascade import wiener_cascade as cascade

TIME, FEATURES, NOISE = 900, 8, np.array([0.3, 3.0])
NESTED = splits.nested(splits.blocks(TIME, 2), lambda index: splits.blocks(len(index), 2))
L2 = axes.grid(l2=[1e-4, 1e-2])


def recording():
    """x, y, and the filters behind two cubics."""
    rng = np.random.default_rng(0)
    x = rng.normal(10, rng.uniform(0.5, 5, FEATURES), (TIME, FEATURES))
    w = rng.normal(size=(FEATURES, 2)) / x.std(axis=0)[:, None] / FEATURES**0.5
    u = (x - 10) @ w
    clean = np.stack([2 + u[:, 0] + 0.5 * u[:, 0] ** 2 - 0.1 * u[:, 0] ** 3,
                      100 + 9 * u[:, 1] + 2 * u[:, 1] ** 3], axis=1)  # fmt: skip
    return x, clean + NOISE * rng.normal(size=clean.shape), w


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


@pytest.fixture(scope="module")
def found():
    x, y, _ = recording()
    return decoding.decode(wiener_cascade(2), x, y, NESTED, L2)


def test_recovers_filters_and_cubics(found) -> None:
    x, y, w = recording()
    linear = decoding.decode(decoding.linear_decoder(2), x, y, NESTED, L2)
    ceiling = 1 - NOISE**2 / y.var(axis=0)
    r2, before = (np.mean(a.fits.scores["r2"], axis=0) for a in (found, linear))
    assert (r2 > ceiling - 0.03).all() and (r2 > before + 0.05).all()
    for fold in range(2):
        kernel = found.fits.params["filter"]["kernel"][fold]
        for o in range(2):
            assert np.corrcoef(kernel[:, o], w[:, o])[0, 1] > 0.995


@pytest.mark.slow
def test_a_second_solver_finds_no_better(found) -> None:
    x, y, _ = recording()
    inputs = jn.make_inputs(x, y)
    fit = wiener_cascade(2)
    fits = jn.fit_many(fit, inputs._replace(hyper={"l2": np.float32(0.0)}))
    z, target = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (x, y))

    def left(flat, o):
        u = z @ flat[:-4] + flat[-4]
        return flat[-3] + u + flat[-2] * u**2 + flat[-1] * u**3 - target[:, o]

    best = [2 * least_squares(left, np.r_[np.full(FEATURES, 0.1), np.zeros(4)], args=(o,)).cost
            for o in range(2)]  # fmt: skip
    loss = 0.5 * np.mean(best) / TIME
    assert loss * 0.99 < fits.loss < loss * 1.01


def test_begins_as_the_linear_model_and_goes_on_straight() -> None:
    model = cascade(1)
    x = jnp.array([[0.5], [4.0], [5.0], [6.0]])
    start, apply = model.init(jax.random.key(0), x), jax.jit(model.apply)
    assert not np.any(apply(start, x))
    params = start | {"filter": {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}}
    np.testing.assert_allclose(apply(params, x), x)
    params |= {"polynomial": {"kernel": jnp.array([[0.5], [0.1]])}}
    made = np.asarray(apply(params, x))[:, 0]
    np.testing.assert_allclose(made[0], 0.5 + 0.5 * 0.25 + 0.1 * 0.125, rtol=1e-6)
    np.testing.assert_allclose(np.diff(made[1:]), 1 + 2 * 0.5 * 4 + 3 * 0.1 * 16, rtol=1e-5)


@pytest.mark.slow
def test_a_fold_without_data_changes_no_other(found) -> None:
    x, y, _ = recording()
    y[:450] = np.nan  # the second fold has nothing to fit
    made = decoding.decode(wiener_cascade(2), x, y, NESTED, L2)
    assert made.fits.statuses()["bad_data"] == 1
    for ours, theirs in zip(*(jax.tree.leaves(a.fits.params) for a in (made, found)), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="degree 1"):
        cascade(2, 1)
