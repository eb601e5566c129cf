"""Simulated epochs: the truth that they come with, and the onset that sliding decoders find."""

import numpy as np
import pytest

from jaxneuro import splits
from jaxneuro.data.simulate.epochs import evoked_epochs
from jaxneuro.decoding import sliding


def test_epochs_are_what_they_say() -> None:
    made = evoked_epochs(3000, 6, 20, seed=0, onset=8, rise=4, separation=2.5, memory=0.7)
    assert made.x.shape == (3000, 6, 20) and made.x.dtype == np.float32
    np.testing.assert_array_equal(np.bincount(made.y), [1500, 1500])
    np.testing.assert_allclose(made.course[6:14], [0, 0, 0.25, 0.5, 0.75, 1, 1, 1])
    one, other = (made.x[made.y == k].mean(axis=0) for k in (1, 0))
    np.testing.assert_allclose(one - other, made.pattern[:, None] * made.course, atol=0.2)
    noise = made.x - (made.y - 0.5)[:, None, None] * made.pattern[:, None] * made.course
    flat = noise.transpose(1, 0, 2).reshape(6, -1)
    np.testing.assert_allclose(np.cov(flat), made.covariance, rtol=0.15, atol=0.15)
    pairs = [np.corrcoef(noise[:, 0, t], noise[:, 0, t + 1])[0, 1] for t in range(19)]
    assert abs(np.mean(pairs) - 0.7) < 0.03
    best = made.pattern @ np.linalg.solve(made.covariance, made.x[:, :, -1].T) > 0
    assert abs((best == made.y).mean() - made.best_accuracy[-1]) < 0.02
    assert made.best_accuracy[0] == 0.5
    again = evoked_epochs(3000, 6, 20, seed=0, onset=8, rise=4, separation=2.5, memory=0.7)
    np.testing.assert_array_equal(made.x, again.x)
    assert not evoked_epochs(10, 3, 5, seed=1, onset=5).course.any()
    for name, value in (("onset", 6), ("memory", 1.0), ("rise", 0)):
        with pytest.raises(ValueError, match=name):
            evoked_epochs(10, 3, 5, seed=1, **{name: value})


@pytest.mark.slow
def test_the_onset_is_found_and_nothing_before() -> None:
    early, late = 0, []
    for seed in range(40):
        made = evoked_epochs(120, 16, 40, seed=seed)
        folds = splits.stratified(made.y, 5, seed=seed)
        found = sliding(made.x.swapaxes(1, 2), made.y, folds, "lda", permutations=100, seed=seed)
        assert found.p is not None
        seen = np.flatnonzero(found.p <= 0.05)
        early += bool((seen < made.onset).any())
        late.append(seen[seen >= made.onset].min() - made.onset)
    assert max(late) <= 2
    assert early <= 5  # of 40 at .05: more in 1 of 70


@pytest.mark.slow
def test_a_slow_rise_is_found_later() -> None:
    made = evoked_epochs(120, 16, 40, seed=0, rise=16, separation=4)
    folds = splits.stratified(made.y, 5)
    found = sliding(made.x.swapaxes(1, 2), made.y, folds, "lda", permutations=100)
    assert found.p is not None
    first = np.flatnonzero(found.p <= 0.05).min() - made.onset
    assert 2 < first < 16
    assert abs(found.accuracy[-4:].mean() - made.best_accuracy[-1]) < 0.08
