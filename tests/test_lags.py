"""How much of the past a model sees, as a choice among lags of one design."""

import numpy as np
import pytest

from jaxneuro import axes, decoding, fit_many, make_inputs, splits
from jaxneuro.crossval import search
from jaxneuro.selection import lag_choice

TIME = 400


def series(delay: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(TIME, 3))
    y = np.roll(x, delay, axis=0) @ rng.normal(size=(3, 1)) + 0.3 * rng.normal(size=(TIME, 1))
    return x, y


def test_each_choice_sees_its_lags_and_no_more() -> None:
    x, _ = series()
    past = lag_choice(x, (0, 2, 5))
    assert past.x.shape == (TIME, 6, 3) and past.axis.labels == (0, 2, 5)
    inputs = make_inputs(past.x, np.zeros(TIME))
    for index, last in enumerate((0, 2, 5)):
        kept = np.asarray(past.axis.select(inputs, index).features).reshape(6, 3)
        np.testing.assert_array_equal(kept, np.repeat(np.arange(6) <= last, 3).reshape(6, 3))


def test_no_lag_reaches_over_the_edge_of_a_trial() -> None:
    x, _ = series()
    trials = np.arange(TIME) // 50
    changed = x.copy()
    changed[:50] += 7
    first, second = (lag_choice(a - np.median(a, axis=0), (0, 5), trials).x for a in (x, changed))
    middle = np.median(x[50:], axis=0) - np.median(changed[50:], axis=0)
    moved = first[50:] - second[50:]  # by the common median alone, where a trial goes on
    assert np.ptp(moved[10:40] - middle, axis=(0, 1)).max() < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_the_lag_that_the_data_have_is_chosen_wherever_their_zero_lies(offset) -> None:
    x, y = series()
    past = lag_choice(x + offset, (0, 5))
    nested = splits.nested(
        splits.holdout(np.arange(TIME) >= 300), lambda index: splits.blocks(len(index), 3, 5)
    )
    fit = decoding.linear_decoder(1)
    grid = (past.axis, *axes.grid(l2=[1e-3, 1e-2]))
    found = search(fit, make_inputs(past.x, y), (), nested, grid, score="mean_squared_error")
    assert found.selection is not None and found.selection.values["lags"] == [5]
    assert found.fits.scores["r2"].item() > 0.8
    alone = fit_many(fit, make_inputs(x + offset, y, hyper={"l2": 1e-3}), lanes=1)
    assert alone.loss < 0.51 and alone.loss > 0.4  # half the variance: the present tells nothing
