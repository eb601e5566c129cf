"""Patterns against a known mixing, and what must not change them."""

import numpy as np
import pytest

from jaxneuro import axes, decoding, splits
from jaxneuro.decoding.patterns import patterns

TIME = 4000


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


def mixed():
    """Two sources, of which three of eight channels hear, and a rhythm that all hear."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(TIME, 2)) @ [[1, 0.4], [0, 1]]
    mixing = np.zeros((8, 2))
    mixing[:2, 0], mixing[2, 1] = [1, -2], 3
    noise = rng.normal(size=(TIME, 1)) @ rng.normal(2, 1, (1, 8))
    return sources @ mixing.T + noise + 0.1 * rng.normal(size=(TIME, 8)) + 50, sources, mixing


def test_a_known_mixing() -> None:
    x, sources, mixing = mixed()
    kernel = np.linalg.lstsq(x - x.mean(axis=0), sources - sources.mean(axis=0), rcond=None)[0]
    found = patterns(kernel, x)
    np.testing.assert_allclose(found, mixing, atol=0.1)
    assert np.abs(kernel[3:] / np.abs(kernel).max()).max() > 0.2  # filters do use the others
    np.testing.assert_allclose(kernel.T @ found, np.eye(2), atol=1e-9)


def test_the_equation() -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)), rng.normal(size=(3, 5, 2))
    weight = rng.integers(0, 3, 50)
    covariance = np.cov(x.T, fweights=weight, ddof=0)
    expected = [covariance @ k @ np.linalg.inv(k.T @ covariance @ k) for k in kernel]
    np.testing.assert_allclose(patterns(kernel, x, weight), expected)
    one = kernel[0, :, 0]
    wanted = covariance @ one / (one @ covariance @ one)
    np.testing.assert_allclose(patterns(one, x, weight), wanted)
    mask = weight > 0
    x[~mask] = np.nan  # what is left out may be anything
    np.testing.assert_allclose(patterns(kernel, x, weight), expected)


def test_what_must_not_change_them() -> None:
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(60, 4)), rng.normal(size=(4, 2))
    found = patterns(kernel, x)
    np.testing.assert_allclose(patterns(kernel, x + 1e3), found, atol=1e-9)
    turn = rng.normal(size=(4, 4))
    turned = patterns(np.linalg.inv(turn) @ kernel, x @ turn)
    np.testing.assert_allclose(turned, turn.T @ found, atol=1e-9)
    unit = np.array([1e-9, 1e6])  # of the outputs
    np.testing.assert_allclose(patterns(kernel * unit, x) * unit, found, atol=1e-9)


def test_scores_of_all_classes_depend_on_each_other() -> None:
    rng = np.random.default_rng(3)
    x, kernel = rng.normal(size=(60, 4)), rng.normal(size=(4, 3))
    kernel -= kernel.mean(axis=1, keepdims=True)  # softmax
    covariance = np.cov(x.T, ddof=0)
    expected = covariance @ kernel @ np.linalg.pinv(kernel.T @ covariance @ kernel)
    np.testing.assert_allclose(patterns(kernel, x), expected, atol=1e-9)


@pytest.mark.slow
def test_of_a_search_by_fold() -> None:
    x, sources, mixing = mixed()
    x, sources = x[:600], sources[:600]
    nested = splits.nested(splits.blocks(600, 2), lambda i: splits.blocks(len(i), 2))
    found = decoding.decode(decoding.linear_decoder(2), x * 1e-14, sources, nested,
                            axes.grid(l2=[1e-6]))  # fmt: skip
    made = patterns(found)
    assert made.shape == (2, 8, 2)
    np.testing.assert_allclose(made * 1e14, np.stack([mixing] * 2), atol=0.35)
    for fold, train in enumerate(nested.train[:, -1]):
        kernel = found.fits.params["readout"]["kernel"][fold]
        np.testing.assert_allclose(made[fold], patterns(kernel, x * 1e-14, train), rtol=2e-3,
                                   atol=1e-16)  # fmt: skip
    with pytest.raises(ValueError, match="its own"):
        patterns(found, x)


def test_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="x is missing"):
        patterns(np.ones(3))
    with pytest.raises(ValueError, match="of 3 features"):
        patterns(np.ones(3), np.ones((4, 2)))
    with pytest.raises(ValueError, match="weight"):
        patterns(np.ones(2), np.ones((4, 2)), np.zeros(4))
