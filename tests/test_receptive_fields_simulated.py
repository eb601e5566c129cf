"""Simulated retinotopy: what is said of it holds."""

import numpy as np
import pytest

from jaxneuro.data.simulate.retinotopy import double_gamma, moving_bars, retinotopic_population


def test_a_seed_is_the_data() -> None:
    first, again, other = (retinotopic_population(5, seed=s, side=9) for s in (3, 3, 4))
    for field, value in first._asdict().items():
        np.testing.assert_array_equal(value, getattr(again, field), err_msg=field)
        assert value.dtype == np.float32
    assert not np.array_equal(first.y, other.y)
    more = retinotopic_population(7, seed=3, side=9)
    np.testing.assert_array_equal(more.y[:, :5], first.y)


def test_responses_are_of_the_fields_and_noise_as_loud_as_said() -> None:
    truth = retinotopic_population(50, seed=0, side=15, snr=2.0)
    assert truth.x.shape == (300, 225) and truth.y.shape == (300, 50) and truth.hrf.shape == (16,)
    square = np.square(truth.positions[:, None] - truth.centre).sum(axis=2)
    seen = truth.x @ np.exp(-square / (2 * truth.size**2))
    shape = np.stack([np.convolve(s, truth.hrf)[:300] for s in seen.T], axis=1)
    noise = truth.y - truth.gain * shape - truth.baseline
    loud = np.abs(truth.gain) * shape.std(axis=0) / noise.std(axis=0)
    np.testing.assert_allclose(loud, 2, rtol=0.15)
    assert np.abs(noise.mean(axis=0)).max() < 0.3
    np.testing.assert_allclose(truth.best_r2, 0.8, atol=0.08)
    assert np.hypot(*truth.centre.T).max() < 6.4 and 0.02 < np.mean(truth.gain < 0) < 0.25


def test_bars_cross_the_screen_in_eight_directions() -> None:
    x, positions = moving_bars(21, 8.0)
    assert set(np.unique(x)) == {0, 1} and len(x) == 8 * 27 + 4 * 21
    assert not x[:, np.hypot(*positions.T) > 8].any()
    assert x[:, np.hypot(*positions.T) <= 8].any(axis=0).all()
    first, second = x[:27], x[27:54]
    middle = np.array([positions[frame > 0].mean(axis=0) for frame in first[1:-1]])
    assert (np.diff(middle[:, 0]) >= 0).all() and np.abs(middle[:, 1]).max() < 1e-9
    assert positions[second[3] > 0].mean() < 0 < positions[second[-4] > 0].mean()
    assert not x[54:75].any()


def test_the_haemodynamic_response_peaks_at_five_seconds() -> None:
    hrf = double_gamma(0.1)
    assert hrf.sum() == pytest.approx(1) and hrf[0] == 0
    assert 0.1 * hrf.argmax() == pytest.approx(5, abs=0.2)
    assert hrf.min() < 0 and 12 < 0.1 * hrf.argmin() < 18


@pytest.mark.parametrize("wrong", [{"snr": 0}, {"dt": -1.0}, {"radius": 0}, {"side": 1}])
def test_bad_arguments_are_named(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        retinotopic_population(3, seed=0, **wrong)
