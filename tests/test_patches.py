"""Patches that are told by where they lie are those that were cut."""

import jax
import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import models

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(2, 12, 9, 3)).astype(np.float32)
PLACES = np.stack([RANDOM.integers(0, n, 40) for n in (2, 12, 9)], axis=1)


def _cut(size: int) -> np.ndarray:
    half = size // 2
    padded = np.pad(np.nan_to_num(IMAGES), [(0, 0), (half, half), (half, half), (0, 0)])
    return np.stack([padded[i, r : r + size, c : c + size] for i, r, c in PLACES])


@pytest.mark.parametrize("size", [1, 5, 13])
def test_the_model_sees_the_patches(size):
    told = models.of_patches(models.linear(2), IMAGES, size)
    plain = models.linear(2)
    params = plain.init(jax.random.key(0), _cut(size))
    np.testing.assert_allclose(
        told.apply(params, PLACES), plain.apply(params, _cut(size)), rtol=1e-5
    )
    shapes = jax.tree.map(np.shape, told.init(jax.random.key(0), PLACES))
    assert shapes == jax.tree.map(np.shape, params)
    assert told.readout == plain.readout and told.first_layer is None


def test_a_fit_of_places_is_that_of_patches():
    y = _cut(5)[:, 1, 3, 0]
    loss, ridge = jn.losses.half_squared_error, jn.penalties.ridge()
    grid = [jn.axes.folds(jn.splits.k_fold(40, 2)), jn.axes.grid(l2=[0.01, 1.0])]
    found = []
    for model, x in (
        (models.of_patches(models.linear(), IMAGES, 5), PLACES),
        (models.linear(), _cut(5)),
    ):
        scores = {"r2": jn.metrics.r2}
        fit = jn.make_fit(model, loss, jn.optimizers.lbfgs(), ridge, scores=scores)
        fits = jn.fit_many(fit, jn.make_inputs(x, y), grid)
        found.append((fits.scores["r2"], fits.predict(x)))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-3)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-3)


def test_dropout_reaches_the_patches():
    import flax.linen as nn

    class Dropped(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            x = nn.Dropout(0.5, deterministic=not train)(x.reshape(len(x), -1))
            return nn.Dense(1)(x)

    told = models.of_patches(models.from_linen(Dropped(), training={"train": True}), IMAGES, 3)
    assert told.train is not None
    params = told.init(jax.random.key(0), PLACES)
    one, other = (told.train(params, PLACES, jax.random.key(k)) for k in (1, 2))
    assert not np.allclose(one, other)
    assert models.of_patches(models.linear(), IMAGES, 3).train is None


@pytest.mark.parametrize(
    ("images", "size", "words"),
    [(IMAGES[0], 3, r"images float32 \(12, 9, 3\)"), (IMAGES, 4, "size is 4, must be odd")],
)
def test_refuses(images, size, words):
    with pytest.raises(ValueError, match=words):
        models.of_patches(models.linear(), images, size)
