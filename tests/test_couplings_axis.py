"""Each target may have features of its own, of one shared design."""

import numpy as np
import pytest

from jaxneuro import axes, encoding, features, fit_many, make_inputs

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 4))
Y = X @ RANDOM.normal(size=(4, 3)) + 0.1 * RANDOM.normal(size=(150, 3))
MASK = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]])


def fitted(x, y, axis):
    inputs = make_inputs(x, y, hyper={"l2": 0.01})
    return fit_many(encoding.linear(), inputs, [axis]).params["readout"]["kernel"][..., 0]


@pytest.mark.slow
def test_a_masked_target_is_fitted_as_if_it_had_its_own_design():
    kernels = fitted(X, Y, axes.targets(3, features=MASK))
    assert (kernels[MASK == 0] == 0).all()
    for target, mask in enumerate(MASK > 0):
        alone = fitted(X[:, mask], Y[:, [target]], axes.targets(1))[0]
        np.testing.assert_allclose(kernels[target, mask], alone, rtol=1e-3, atol=1e-4)


def test_some_columns_and_ablations_on_top():
    inputs = make_inputs(X, Y, hyper={"l2": 0.01})
    without = axes.ablations([[1, 1, 1, 1], [1, 0, 1, 1]])
    every = [axes.targets([2, 0], features=MASK[[2, 0]]), without]
    kernels = fit_many(encoding.linear(), inputs, every).params["readout"]["kernel"][..., 0]
    expected = MASK[[2, 0]][:, None] * np.array([[1, 1, 1, 1], [1, 0, 1, 1]])
    np.testing.assert_array_equal(kernels != 0, expected > 0)


def test_couplings_of_a_population_share_one_design():
    """200 neurons × 8 functions: the mask is all that is laid out for each."""
    filters = features.raised_cosine(8, stretch=5.0, name="spikes").filters(20, channels=4)
    mask = features.couplings(filters, ~np.eye(4, dtype=bool))
    assert mask.shape == (4, 32) and mask.sum() == 4 * 3 * 8


def test_a_mask_for_other_targets_is_refused():
    with pytest.raises(ValueError, match="features is for 3 targets, and there are 2"):
        axes.targets(2, features=MASK)
    with pytest.raises(ValueError, match="a feature in every set"):
        axes.targets(3, features=np.zeros((3, 4)))
