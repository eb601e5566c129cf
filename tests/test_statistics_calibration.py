"""The calibration table in small: rows that need few fits, and what they are compared with."""

import numpy as np
import pytest

import jaxneuro as jn
from experiments import calibration
from jaxneuro import axes, metrics, splits


@pytest.mark.parametrize("run", [calibration.family_wise, calibration.discoveries])
def test_rows_of_arrays_hold(run):
    rows = list(run(np.random.default_rng(0), 4))
    assert len(rows) == 2
    for row in rows:
        assert row.least * 0.4 <= row.seen <= row.most * 1.6, row


@pytest.mark.slow
def test_all_permutations_by_formula_are_those_that_are_fitted():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 1)), rng.normal(size=(64, 3))
    inputs, null, held_out = jn.make_inputs(x, y), axes.permutations(12), np.arange(64) >= 32
    every = [axes.targets(3), null, axes.folds(splits.holdout(held_out))]
    fits = jn.fit_many(calibration._fit(metrics.correlation), inputs, every, keep="scores")
    found = calibration._held_out_correlations(inputs, null, ~held_out)
    np.testing.assert_allclose(found.T, fits.score()[..., 0], atol=1e-5)


def test_a_row_says_whether_it_holds():
    assert calibration.Row("as asked", 4, np.inf, 20).holds
    assert not calibration.Row("too often", 0.035, 0.065, 0.07).holds
