"""Networks over sequences that learn from every moment of a window."""

from dataclasses import replace

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import axes, decoding
from jaxneuro.compare import make_recording
from jaxneuro.decoding import contenders, moments
from jaxneuro.decoding.online import stream

TIME, NEURONS, LAST = 240, 5, 5


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


def recording(seed=0):
    """Signals that tell of a movement two bins ahead, and the movement, smooth."""
    rng = np.random.default_rng(seed)
    kernel = np.exp(-np.arange(12) / 4)
    y = np.stack([np.convolve(d, kernel)[:TIME] for d in rng.normal(size=(2, TIME))], axis=1)
    ahead = np.concatenate([y[2:], np.zeros((2, 2))])
    return ahead @ rng.normal(size=(2, NEURONS)) + 0.5 * rng.normal(size=(TIME, NEURONS)), 3 * y + 5


def as_seen(x, y, trials=None):
    return make_recording(x, y, dt=0.05, trials=trials, groups=None, test=None, lags=(LAST,),
                          ahead=0, folds=2, seed=0, progress=None, notes=[])  # fmt: skip


@pytest.fixture(scope="module")
def found():
    x, y = recording()
    learner = contenders.recurrent(8, 200, dropout=0.2, readin=3, batch=32, moments=4)
    decoders = {"GRU": learner}
    return x, y, decoding.decode(x, y, dt=0.05, lags=(LAST,), decoders=decoders, resamples=19)


def test_y_of_every_moment_reaches_over_no_edge() -> None:
    x, y = recording()
    y[50, 1] = np.nan
    trials = np.repeat(np.arange(12), 20)
    seen = as_seen(x, y, trials)
    made = moments.laid(seen, 4).y
    assert made.shape == (TIME, 4, 2)
    for t in (0, 2, 3, 20, 21, 43, 51, 53, 54, 60, 239):
        for moment in range(4):
            at = t - 3 + moment
            inside = at >= 0 and trials[at] == trials[t]
            expected = seen.y[at] if inside else np.full(2, np.nan)
            np.testing.assert_array_equal(made[t, moment], expected)


@pytest.mark.parametrize("trials", [None, np.repeat(np.arange(12), 20)])
def test_what_is_fitted_sees_no_y_that_its_fold_does_not_fit(trials) -> None:
    x, y = recording()
    seen = as_seen(x, y, trials)
    made = moments.laid(seen, 4)
    np.testing.assert_array_equal(made.splits.test, seen.splits.test)
    fits, given = seen.splits.train.reshape(-1, TIME) > 0, made.splits.train.reshape(-1, TIME) > 0
    assert (given <= fits).all() and given.sum() > 0.8 * fits.sum()
    for whole, kept in zip(fits, given, strict=True):
        other = replace(seen, y=np.where(whole[:, None], seen.y, 9e9).astype(np.float32))
        np.testing.assert_array_equal(moments.laid(other, 4).y[kept], made.y[kept])
        if trials is not None:  # whole trials are fitted: nothing is lost
            np.testing.assert_array_equal(whole, kept)


@pytest.mark.slow
def test_one_moment_is_what_there_was() -> None:
    """The same samples, loss and strength; `y` in units of the recording and not of each fold."""
    x, y = recording()
    seen = as_seen(x, y)
    one, other = (
        contenders.recurrent(4, 40, dropout=0.0, strengths=[1e-2], moments=m)(seen)
        for m in (None, 1)
    )
    held = seen.held
    np.testing.assert_allclose(one.predictions[held], other.predictions[held], atol=1e-4)


def test_it_predicts_the_last_moment_of_new_samples_and_online(found) -> None:
    x, y, made = found
    assert made.sure["GRU"].mean > 0.4
    held = made.held
    told = made.predict(x)
    assert told.shape == y.shape
    scale = y.std(axis=0)
    assert (np.abs(told - made.predictions)[held] / scale).max() < 1e-5
    online, said = stream(made), []
    state = online.init()
    for bin in x:
        prediction, state = online.step(state, bin)
        said.append(prediction)
    np.testing.assert_allclose(np.array(said), told, rtol=0, atol=1e-6 * y.std())


def test_it_is_causal(found) -> None:
    x, _, made = found
    changed = x.copy()
    changed[100:] += 10
    np.testing.assert_array_equal(made.predict(changed)[:100], made.predict(x)[:100])


def test_it_is_kept_and_read(found, tmp_path) -> None:
    x, _, made = found
    made.save(tmp_path / "made.jaxneuro")
    again = jn.load(tmp_path / "made.jaxneuro")
    np.testing.assert_allclose(again.predict(x), made.predict(x), rtol=1e-6, atol=1e-6)
    assert set(made.table()) == set(again.table())


def test_moments_are_of_the_window() -> None:
    x, y = recording()
    for wrong in (0, 7):
        with pytest.raises(ValueError, match=f"moments is {wrong}: windows are of 6 moments"):
            contenders.recurrent(4, 4, moments=wrong)(as_seen(x, y))
    fit = decoding.recurrent(2, 4, 4, moments=7)
    with pytest.raises(ValueError, match="moments is 7, of windows of 6"):
        jn.fit_many(fit, jn.make_inputs(np.zeros((9, 6, 3)) + x[:9, None, :3], y[:9]),
                    axes.grid(l2=[0.1], learning_rate=[0.01]))  # fmt: skip
