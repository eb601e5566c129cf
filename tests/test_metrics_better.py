"""Which way is better: what every score says of itself."""

import functools
import pickle

import jax
import optax
import pytest
import sklearn.metrics as sk
from scores import CASES, OUTPUTS, SAMPLES, continuous, weights

from jaxneuro import metrics
from jaxneuro.metrics import Score, as_score
from jaxneuro.types import Closed

ERRORS = {"mean_squared_error", "poisson_deviance", "circular_error", "median_distance"}


@pytest.mark.parametrize("name", CASES)
def test_every_metric_says_which_way_is_better(name):
    metric = getattr(metrics, name)
    better = name not in ERRORS
    assert metric.higher_is_better is better
    assert as_score(metric) == Score(metric, better)
    for wrapped in (jax.jit(metric), functools.partial(metric, weight=None), Closed(metric)):
        assert as_score(wrapped).higher_is_better is better


def test_a_score_is_a_metric(close):
    y, prediction = continuous((SAMPLES, OUTPUTS))
    score = as_score(metrics.r2)
    close(score(y, prediction), metrics.r2(y, prediction))
    close(score(y, prediction, weights()), metrics.r2(y, prediction, weights()))


def mine(y, prediction, weight=None):
    return y.sum()


def terror_and_glossary(y, prediction, weight=None):
    return y.sum()


def test_a_function_of_ones_own_is_better_when_higher():
    for function in (mine, lambda y, prediction, weight: 0.0, terror_and_glossary):
        assert as_score(function) == Score(function, True)
    assert as_score(Score(mine, False)) == Score(mine, False)
    assert as_score(Score(sk.mean_squared_error, False)).higher_is_better is False


def test_a_score_is_a_value():
    assert Score(mine) == Score(mine, True) != Score(mine, False)
    assert len({Score(mine), Score(mine), Score(mine, False)}) == 2
    for score in (Score(mine, False), as_score(metrics.mean_squared_error)):
        assert pickle.loads(pickle.dumps(score)) == score


def rMSE(y, prediction, weight=None):
    return y.sum()


@pytest.mark.parametrize(
    "function",
    [
        sk.mean_squared_error,
        sk.mean_absolute_error,
        sk.log_loss,
        sk.mean_poisson_deviance,
        optax.l2_loss,
        rMSE,
        functools.partial(sk.log_loss, normalize=False),
        jax.jit(rMSE),
    ],
    ids=["squared", "absolute", "log_loss", "deviance", "l2_loss", "rMSE", "partial", "jitted"],
)
def test_an_error_of_elsewhere_must_say_so(function):
    with pytest.raises(ValueError, match=r"score 'mine' is \w+, an error by.*Score\(f, higher_is_"):
        as_score(function, "mine")
    assert as_score(Score(function, False)).function is function
    assert as_score(Score(function, True)).higher_is_better


def test_more_of_an_error_metric_is_never_better():
    with pytest.raises(ValueError, match="mean_squared_error is an error"):
        as_score(Score(metrics.mean_squared_error))


@pytest.mark.parametrize("wrong", ["r2", None, 0.5, Score("r2")])  # pyright: ignore
def test_what_is_no_score_is_told(wrong):
    with pytest.raises(TypeError, match=r"score 'best' is .*pass a function.*metrics\.r2"):
        as_score(wrong, "best")
