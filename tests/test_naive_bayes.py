"""Position by Bayes' rule against plain loops in float64, and on a track of known truth."""

import numpy as np
import pytest

from jaxneuro import splits
from jaxneuro.decoding import naive_bayes

RNG = np.random.default_rng(0)
TIME, NEURONS = 600, 30
TRIALS = np.repeat([3, 1, 2], TIME // 3)
TEST = (np.arange(TIME) // 50) % 4 == 3
HOLDOUT = splits.holdout(TEST)
OWN = {"bins": 12, "width": 1.5}


def track(outputs: int = 1, time: int = TIME, step: float = 0.05):
    """An animal that wanders between 100 and 300, and neurons with a place each."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, step, (time, outputs))
    place = np.abs((np.cumsum(steps, axis=0) + 0.3 + 1) % 2 - 1)  # reflected at 0 and 1
    fields = rng.uniform(0, 1, (NEURONS, outputs))
    distance = np.linalg.norm(place[:, None] - fields, axis=2) / 0.1
    return rng.poisson(
        0.1 + (4 if outputs == 1 else 1) * np.exp(-0.5 * distance**2)
    ), 100 + 200 * place


def textbook(x, y, train, starts, bins, width, movement, noise, uniform, smooth):
    """Zhang et al. 1998, two-step, on the grid of one output."""
    low, high = y[train].min(), y[train].max()
    centres = np.linspace(low, high, bins)
    at = np.clip(np.round((y - low) / (centres[1] - low)), 0, bins - 1).astype(int)
    time, total = np.zeros(bins), np.zeros((bins, x.shape[1]))
    for t in np.flatnonzero(train):
        time[at[t]] += 1
        total[at[t]] += x[t]
    mean = total.sum(axis=0) / time.sum()
    near = np.exp(-0.5 * (np.subtract.outer(np.arange(bins), np.arange(bins)) / width) ** 2)
    time, total = near @ time, near @ total
    rate = (total + 0.1 * mean) / (time + 0.1)[:, None]
    variance = np.mean((x[train] - rate[at[train]]) ** 2, axis=0)
    prior = np.ones(bins) if uniform else (time + 0.1 / bins) / (time.sum() + 0.1)
    reach = np.exp(-0.5 * (np.subtract.outer(np.arange(bins), np.arange(bins)) / movement) ** 2)
    reach /= reach.sum(axis=0)

    def likelihood(t):
        if noise == "poisson":
            told = (x[t] * np.log(rate) - rate).sum(axis=1)
        else:
            told = -0.5 * ((x[t] - rate) ** 2 / variance).sum(axis=1)
        return np.exp(told - told.max()) * prior

    seen, known = np.array([likelihood(t) for t in range(len(x))]), []
    for t in range(len(x)):
        now = seen[t] * (np.full(bins, 1 / bins) if starts[t] else reach @ known[-1])
        known.append(now / now.sum())
    if smooth:
        later = np.ones(bins)
        for t in reversed(range(len(x))):
            if t + 1 == len(x) or starts[t + 1]:
                later = np.ones(bins)
            made = known[t] * later
            known[t] = made / made.sum()
            later = reach.T @ (seen[t] * later)
            later /= later.sum()
    return np.array(known) @ centres


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("noise, prior", [("poisson", "occupancy"), ("gaussian", "uniform")])
@pytest.mark.parametrize("movement", [1.0, np.inf])
def test_is_the_textbook(smooth, noise, prior, movement) -> None:
    x, y = track()
    y[[5, 77]] = np.nan
    found = naive_bayes(x, y, HOLDOUT, **OWN, movement=movement, noise=noise, prior=prior,
                        smooth=smooth, trials=TRIALS)  # fmt: skip
    starts = np.r_[True, TRIALS[1:] != TRIALS[:-1]]
    there = ~np.isnan(y[:, 0])
    told = textbook(x.astype(float), np.nan_to_num(y[:, 0]), ~TEST & there, starts, 12, 1.5,
                    movement, noise, prior == "uniform", smooth)  # fmt: skip
    np.testing.assert_allclose(found.predictions[TEST, 0], told[TEST], rtol=1e-4, atol=0.05)
    assert np.isnan(found.predictions[~TEST]).all()


def test_a_plane_of_places_and_settings_chosen_on_inner_folds() -> None:
    x, y = track(2, 3000, 0.1)
    folds = splits.group_k_fold(np.arange(3000) // 100, 4)
    found = naive_bayes(x, y, folds, bins=12)
    assert found.r2.shape == (4, 2) and found.r2.mean() > 0.6
    assert np.isfinite(found.movement).all()  # where it was before tells where it is
    alone = naive_bayes(x, y, folds, bins=12, movement=np.inf)
    assert found.r2.mean() > alone.r2.mean() + 0.02
    assert found.errors.shape == (4, 2, 4, 5)
    chosen = found.errors.reshape(4, -1).min(axis=1)
    before = [found.priors.index(p) for p in found.prior]
    place = [list(found.widths).index(w) for w in found.width]
    step = [list(found.movements).index(m) for m in found.movement]
    np.testing.assert_array_equal(found.errors[range(4), before, place, step], chosen)
    assert "median error" in repr(found)


def test_the_prior_is_chosen_by_each_fold() -> None:
    """Where the animal rests at one end while it is fitted, and everywhere later, how long it was
    where is no guide; where it goes on as before, it is."""
    x, y = track(1, 900)
    rest = np.random.default_rng(1).permutation(900) < 450
    place = np.where(rest, 0.02, (y[:, 0] - 100) / 200)
    far = (place[:, None] - np.linspace(0, 1, 10)) / 0.2
    x = np.random.default_rng(2).poisson(0.05 + 0.3 * np.exp(-0.5 * far**2))
    holdout = splits.holdout(np.arange(900) >= 600)
    own = {"bins": 12, "width": 1.5, "movement": np.inf}
    found = naive_bayes(x, 100 + 200 * place, holdout, **own)
    each = {p: naive_bayes(x, 100 + 200 * place, holdout, **own, prior=p) for p in found.priors}
    assert found.prior.tolist() == ["occupancy"] and found.errors.shape == (1, 2, 1, 1)
    np.testing.assert_array_equal(found.predictions, each["occupancy"].predictions)
    assert each["occupancy"].r2 > each["uniform"].r2 and each["uniform"].errors is None
    changed = 100 + 200 * np.where(np.arange(900) >= 600, 0.9, place)  # held-out y chooses nothing
    other = naive_bayes(x, changed, holdout, **own)
    np.testing.assert_array_equal(other.errors, found.errors)


def test_the_past_is_told_without_the_future() -> None:
    x, y = track()
    late = x.copy()
    late[400:] = RNG.poisson(2, late[400:].shape)
    late = np.where(TEST[:, None], late, x)
    first, second = (naive_bayes(a, y, HOLDOUT, **OWN, movement=1.0) for a in (x, late))
    early = TEST & (np.arange(TIME) < 400)
    np.testing.assert_array_equal(first.predictions[early], second.predictions[early])
    assert (first.predictions[TEST & ~early] != second.predictions[TEST & ~early]).any()


def test_neurons_that_are_silent_in_training_say_nothing_strong() -> None:
    x, y = track()
    x[:, 0] = np.where(TEST, 5, 0)
    found = naive_bayes(x, y, HOLDOUT, **OWN, movement=1.0)
    assert found.r2.mean() > 0.6


def test_a_position_far_from_zero_keeps_its_precision() -> None:
    x, y = track()
    near = naive_bayes(x, y, HOLDOUT, **OWN, movement=1.0)
    far = naive_bayes(x, y + 2.0**30, HOLDOUT, **OWN, movement=1.0)
    np.testing.assert_allclose(far.predictions - 2.0**30, near.predictions, atol=0.1)
    np.testing.assert_allclose(far.r2, near.r2, atol=1e-3)


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"x": -np.ones((TIME, 2))}, r'x must be counts: .* noise="gaussian"'),
        ({"x": np.ones((TIME, 2, 2))}, r"x is \(600, 2, 2\): it must be \(time, neuron\)"),
        ({"noise": "student"}, r"noise is 'student': one of"),
        ({"prior": "none"}, r"prior is 'none': one of"),
        ({"prior": ["uniform", "none"]}, r"prior is 'none': one of"),
        ({"prior": []}, r"prior is \(\): one of"),
        ({"bins": 1}, r"bins is 1: from 2"),
        ({"width": 0.0}, r"width is 0.0: it must be a number above 0"),
        ({"movement": [1.0, -1.0]}, r"movement is \[1.0, -1.0\]"),
        ({"splits": splits.blocks(9, 3)}, r"splits are of 9 samples, and x has 600"),
    ],
)
def test_what_is_wrong_is_named(changed, told) -> None:
    x, y = track()
    given = {"x": x, "y": y, "splits": HOLDOUT} | changed
    with pytest.raises(ValueError, match=told):
        naive_bayes(**given)
