"""Which way is better: what is chosen, and what fits silently lack."""

import types
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jobs import SAMPLES, signals

import jaxneuro as jn
from experiments.runs import choose
from jaxneuro import axes, encoding, losses, metrics, models, optimizers, penalties, splits

pytestmark = pytest.mark.usefixtures("hasty")


def test_the_model_is_chosen_by_what_suits_the_data() -> None:
    def of(scores, sign):
        selection = types.SimpleNamespace(score=np.array(scores))
        return types.SimpleNamespace(selection=selection, sign=sign)

    searches: Any = {"worse": of([2.0, 3.0], -1), "better": of([1.0, 2.0], -1)}
    assert choose(searches) == "better"
    # Where one has no score for a neuron, that neuron decides nothing.
    searches = {"worse": of([2.0, np.nan], -1), "better": of([1.0, 9.0], -1)}
    assert choose(searches) == "better"
    for fit, name in ((encoding.poisson_glm(), "deviance"), (encoding.linear(encoding.COUNTS),
                      "deviance"), (encoding.linear(), "mean_squared_error")):  # fmt: skip
        assert dict(fit.better)[name] is False


def _grid_of(scores):
    """Ridge of one target that needs none, at strengths 0.001, 1 and 100."""
    x, y = signals()
    fit = jn.make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(),
        jn.Stop(max_steps=60), scores=scores, standardise=True,
    )  # fmt: skip
    return fit, jn.make_inputs(x, y), axes.grid(l2=[1e-3, 1.0, 100.0])


def _least_squares(y, prediction, weight):
    return -metrics.mean_squared_error(y, prediction, weight)


def _absolute(y, prediction, weight):
    return jnp.sum(weight * jnp.abs(y - prediction)) / weight.sum()


# All in one program, and each may choose.
SCORES = {
    "error": metrics.mean_squared_error,
    "Score": jn.Score(_absolute, higher_is_better=False),
    "function": _least_squares,
    "r2": metrics.r2,
}


@pytest.mark.parametrize("score", ["loss", *SCORES])
def test_the_best_penalty_is_chosen_not_the_worst(score: str) -> None:
    fit, inputs, grid = _grid_of(None if score == "loss" else SCORES)
    nested = splits.nested(splits.k_fold(SAMPLES, 2, 0), lambda i: splits.k_fold(len(i), 2, 1))
    found = jn.crossval.search(
        fit, inputs, [axes.targets(3)], nested, grid, score=score, lanes=8
    )  # fmt: skip
    assert found.selection is not None
    assert (found.selection.values["l2"] == 1e-3).all()
    assert found.sign == (1 if score in {"function", "r2"} else -1)


def test_errors_that_do_not_say_so_are_refused() -> None:
    from sklearn import metrics as theirs

    def make(score):
        return jn.make_fit(models.linear(), losses.squared_error, optimizers.lbfgs(),
                           scores={"mine": score})  # fmt: skip

    for error in (theirs.mean_squared_error, theirs.log_loss, theirs.mean_absolute_error):
        with pytest.raises(ValueError, match=r"mine.*less is better.*higher_is_better=False"):
            make(error)
    with pytest.raises(ValueError, match="less of it is better"):
        make(jn.Score(metrics.poisson_deviance))
    assert make(metrics.poisson_deviance).better == (("mine", False),)
    assert make(jn.Score(_absolute, higher_is_better=False)).better == (("mine", False),)


# What fits silently lack


def test_folds_that_reach_beyond_a_short_recording_are_told() -> None:
    x, y = signals()
    short = jn.make_inputs(x[:100], y[:100, :1])
    both = jn.stack_subjects([jn.make_inputs(x, y[:, :1]), short])
    fit = jn.make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs(),
                      scores={"r2": metrics.r2})  # fmt: skip
    every = [axes.subjects(2), axes.targets(1), axes.folds(splits.blocks(SAMPLES, 3))]
    with pytest.warns(UserWarning, match=r"1 of 6 fits have no held-out value.* subject 1"):
        fits = jn.fit_many(fit, both, every, lanes=2)
    assert np.isnan(fits.scores["r2"][1, 0, 2])
    assert np.isfinite(fits.scores["r2"]).sum() == 5
    assert list(fits.table()["warning"]).count("not_scored") == 1


def test_some_columns_of_y_are_asked_for() -> None:
    inputs = jn.make_inputs(np.ones((9, 2)), np.arange(36.0).reshape(9, 4))
    fit = jn.make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs())
    with pytest.raises(ValueError, match=r"axis 'target'.*pass a list of them"):
        jn.fit_many(fit, inputs, [axes.targets(3)])
    some = axes.targets([0, 1, 3])
    assert some.size == 3 and some.labels == (0, 1, 3)
    np.testing.assert_array_equal(some.select(inputs, 2).y, inputs.y[:, 3])
    with pytest.raises(ValueError, match=r"5 targets, and y is \(9, 4\)"):
        jn.fit_many(fit, inputs, [axes.targets([0, 4])])
