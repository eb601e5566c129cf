"""What was never fitted predicts NaN, and takes no part in means over folds and seeds."""

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import axes, crossval, splits
from jaxneuro.types import Status

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4)).astype(np.float32)
Y = (X @ RANDOM.normal(size=(4, 3)) + 5).astype(np.float32)
FIT = jn.make_fit(
    jn.models.linear(1),
    jn.losses.half_squared_error,
    jn.optimizers.lbfgs(),
    jn.penalties.ridge(),
    scores={"r2": jn.metrics.r2},
)
NESTED = splits.nested(splits.k_fold(120, 3), lambda index: splits.k_fold(len(index), 2))
GRID = (axes.grid(l2=[1e-3, 1e-1]),)


@pytest.mark.filterwarnings("ignore:y")
def test_a_neuron_without_data_is_nan_in_all_that_predicts():
    y = Y.copy()
    y[:, 1] = np.nan
    found = crossval.search(FIT, jn.make_inputs(X, y), [axes.targets(3)], NESTED, GRID)
    assert (found.fits.status[1] == Status.BAD_DATA).all()
    for told in (
        found.predictions,
        found.predict(X),
        np.moveaxis(found.fits.predict(X)[:, 0], 1, 0),
    ):
        assert np.isnan(told[:, 1]).all() and np.isfinite(told[:, [0, 2]]).all()
        np.testing.assert_allclose(told[:, [0, 2]].squeeze(), Y[:, [0, 2]], atol=0.3)


@pytest.mark.filterwarnings("ignore:y")
def test_saved_and_loaded_too(tmp_path):
    y = Y.copy()
    y[:, 1] = np.nan
    found = jn.encoding.encode(FIT, X, y, NESTED, GRID)
    found.save(tmp_path / "cells.jn")
    again = jn.load(tmp_path / "cells.jn")
    np.testing.assert_array_equal(again.predict(X), found.predict(X))
    assert np.isnan(again.predict(X)[:, 1]).all() and np.isnan(again.predictions[:, 1]).all()


@pytest.mark.filterwarnings("ignore:y", "ignore:.* no held-out value")
def test_a_fold_without_data_takes_no_part_in_means():
    y = Y.copy()
    y[40:, 2] = np.nan  # the first fold has nothing to fit
    blocks = splits.nested(splits.blocks(120, 3), lambda index: splits.k_fold(len(index), 2))
    found = crossval.search(FIT, jn.make_inputs(X, y), [axes.targets(3)], blocks, GRID)
    assert (found.fits.status[2] == Status.BAD_DATA).tolist() == [True, False, False]
    left = found.fits.predict(X)[2, 1:].mean(axis=0)
    np.testing.assert_allclose(found.predict(X)[:, 2], left, rtol=1e-6)
    assert np.isnan(found.predictions[:40, 2]).all()
    assert np.isfinite(found.predictions[40:, 2]).all()
