"""Contenders with a single setting are judged on inner folds, too, beside others."""

import numpy as np
import pytest

from jaxneuro import (
    areas,
    axes,
    crossval,
    decoding,
    encoding,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro.decoding import contenders

RANDOM = np.random.default_rng(0)
SLOW = np.convolve(RANDOM.normal(size=515), np.ones(8) / 3)
VELOCITY = np.stack([SLOW[:500], SLOW[15:515]], axis=1)
COUNTS = VELOCITY @ RANDOM.normal(size=(2, 12)) + 0.3 * RANDOM.normal(size=(500, 12))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("many", [(1e4, 1e5), (1e4,)])
def test_a_decoder_of_one_strength_wins_if_it_is_better(order, many):
    names = {"good": contenders.wiener([0.01]), "bad": contenders.wiener(list(many))}
    names = dict(list(names.items())[::order])
    found = decoding.decode(COUNTS, VELOCITY, dt=0.05, lags=(2,), decoders=names, resamples=19)
    assert found.chosen == "good" and found.by_fold == ("good",)
    assert all(np.isfinite(one.inner) for one in found.contenders.values())


def test_so_has_a_kalman_filter():
    names = {"kalman": contenders.kalman_filter(noise=1.0, lag=0), "bad": contenders.wiener([1e5])}
    found = decoding.decode(COUNTS, VELOCITY, dt=0.05, lags=(0,), decoders=names, resamples=19)
    assert np.isfinite(found.contenders["kalman"].inner) and found.chosen == "kalman"


def test_so_has_a_classifier():
    labels = (VELOCITY[:, 0] > 0).astype(int)
    names = {
        "good": areas.contenders.softmax((0.01,)),
        "bad": areas.contenders.softmax((1e4, 1e5)),
    }
    found = areas.identify(COUNTS, labels, classifiers=names, resamples=19)
    assert found.chosen == "good" and np.isfinite(found.contenders["good"].inner)


def test_so_has_a_model_of_neurons():
    fit = encoding.linear()
    names = {
        "bad": encoding.Candidate(fit, (axes.grid(l2=[1e3, 1e4]),)),
        "good": encoding.Candidate(fit, (axes.grid(l2=[1e-3]),)),
    }
    found = encoding.fit_neurons(VELOCITY, COUNTS, models=names, resamples=19)
    assert (found.chosen == "good").all()


@pytest.mark.parametrize("grid", [(), (axes.grid(l2=[0.1]),)], ids=["none", "one"])
def test_a_search_of_one_choice_has_an_inner_score_if_asked(grid):
    fit = make_fit(
        models.linear(1),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(),
        scores={"r2": metrics.r2},
    )
    nested = splits.nested(splits.k_fold(500, 2), lambda index: splits.k_fold(len(index), 3))
    inputs = make_inputs(COUNTS, VELOCITY, hyper={"l2": 0.1})
    given = crossval.search(fit, inputs, [axes.targets(2)], nested, grid)
    asked = crossval.search(fit, inputs, [axes.targets(2)], nested, grid, rivals=True)
    assert given.selection is None and asked.selection is not None
    assert asked.selection.score.shape == (2, 2) and (asked.selection.score > 0.5).all()
    np.testing.assert_allclose(given.predictions, asked.predictions, atol=1e-2)
    assert len(asked.table()["target"]) == len(given.table()["target"])
    assert repr(asked)


def test_what_is_no_contender_is_refused_by_name():
    with pytest.raises(TypeError, match=r"decoder 'W' is 'wiener', .* contenders.mlp\(\)"):
        decoding.decode(COUNTS, VELOCITY, dt=0.05, decoders={"W": "wiener"})  # type: ignore
