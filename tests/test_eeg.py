"""The compact network of epochs: the paper's order of layers, and a rhythm that it finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import areas, axes, splits
from jaxneuro.decoding.eeg import eeg_network
from jaxneuro.models.epochs import eeg_network as network

TRIALS, CHANNELS, TIMES = 160, 6, 64


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


def rhythms():
    """Volts, in which one of two rhythms runs at any phase."""
    rng = np.random.default_rng(0)
    y = np.arange(TRIALS) % 2
    phase = rng.uniform(0, 2 * np.pi, (TRIALS, 1))
    wave = np.sin(2 * np.pi * np.where(y, 10, 16)[:, None] * np.arange(TIMES) / 64 + phase)
    x = wave[:, None] * rng.normal(size=(CHANNELS, 1)) + rng.normal(size=(TRIALS, CHANNELS, TIMES))
    return 1e-6 * x, y


@pytest.fixture(scope="module")
def fit():
    return eeg_network(2, 2, 2, 24, steps=120, batch=32, dropout=0.2)


def papers(params, x, filters, depth):
    """Lawhern et al.'s order: temporal filters of every channel, then spatial ones of each."""

    def norm(x, own):
        centred = x - x.mean(axis=(1, 2), keepdims=True)
        deviation = jnp.sqrt(jnp.square(centred).mean(axis=(1, 2), keepdims=True) + 1e-6)
        return centred / deviation + own["bias"]

    def pool(x, size):
        return x.reshape(len(x), -1, size, x.shape[2]).mean(axis=2)

    x = x / jnp.sqrt(jnp.square(x).mean(axis=(1, 2), keepdims=True))
    kernel = params["temporal"]["kernel"][:, 0]  # (size, filter)
    size = len(kernel)
    padded = jnp.pad(x, [(0, 0), (0, 0), ((size - 1) // 2, size // 2)])
    seen = jnp.stack([padded[:, :, i : i + x.shape[2]] for i in range(size)], axis=-1)
    temporal = jnp.einsum("ncts,sf->ncft", seen, kernel)
    spatial = params["spatial"]["kernel"].reshape(-1, depth, filters)
    maps = jnp.einsum("ncft,cdf->ntdf", temporal, spatial)
    maps = maps.reshape(*maps.shape[:2], -1)
    maps = pool(jax.nn.elu(norm(maps, params["norm_0"])), 4)
    kernel = params["depth_1"]["kernel"][:, 0]
    padded = jnp.pad(maps, [(0, 0), (7, 8), (0, 0)])
    seen = jnp.stack([padded[:, i : i + maps.shape[1]] for i in range(16)])
    maps = jnp.einsum("sntm,sm->ntm", seen, kernel) @ params["point_1"]["kernel"]
    maps = pool(jax.nn.elu(norm(maps, params["norm_1"])), 8)
    return maps.reshape(len(x), -1) @ params["readout"]["kernel"] + params["readout"]["bias"]


@pytest.mark.slow
def test_is_the_papers_network_but_for_the_norm() -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(4, 5, 64)), jnp.float32)
    model = network(3, 3, 2, 9)
    start = model.init(jax.random.key(0), x)
    params = jax.tree.map(lambda a: a + jnp.asarray(rng.normal(0, 0.1, a.shape), a.dtype), start)
    made = jax.jit(model.apply)(params, x)
    assert made.shape == (4, 3)
    np.testing.assert_allclose(made, jax.jit(papers, static_argnums=(2, 3))(params, x, 3, 2),
                               atol=2e-5)  # fmt: skip
    np.testing.assert_allclose(jax.jit(model.apply)(params, 1e-7 * x), made, atol=2e-5)
    alone = jax.jit(model.apply)(params, x.at[1:].set(99.0))[0]
    np.testing.assert_allclose(alone, made[0], atol=2e-5)


@pytest.mark.slow
def test_finds_rhythms_that_no_linear_model_of_the_signals_does(fit) -> None:
    x, y = rhythms()
    nested = splits.nested(splits.stratified(y, 2), lambda i: splits.stratified(y[i], 2))
    inputs = jn.make_inputs(x, y)
    grid = axes.grid(weight_decay=[0.1], learning_rate=[1e-2])
    found = jn.crossval.search(fit, inputs, (), nested, grid, score="accuracy")
    plain = areas.identify(areas.softmax_regression(2), x, y, nested, axes.grid(l2=[1.0]))
    assert found.fits.scores["accuracy"].min() > 0.9
    assert plain.fits.scores["accuracy"].max() < 0.7


@pytest.mark.slow
def test_a_fit_that_diverges_changes_no_other(fit) -> None:
    x, y = rhythms()
    inputs = jn.make_inputs(x, y, held_out=np.arange(TRIALS) < 40, hyper={"weight_decay": 0.1})
    fits = [
        jn.fit_many(fit, inputs, [axes.grid(learning_rate=rates)], lanes=2)
        for rates in ([1e-2, 1e-3], [1e-2, 1e30])
    ]
    for ours, theirs in zip(*(jax.tree.leaves(a.params) for a in fits), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
    assert not np.array_equal(fits[0].scores["accuracy"][1], fits[1].scores["accuracy"][1])


def test_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="size is 0"):
        network(2, size=0)
    with pytest.raises(ValueError, match="dropout is 1"):
        network(2, dropout=1)
    with pytest.raises(ValueError, match="32 times at least"):
        network(2).init(jax.random.key(0), jnp.ones((1, 4, 31)))
