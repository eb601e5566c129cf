"""Values that once gave a wrong answer, or none: missing, constant, in any unit; in each job."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs import SAMPLES, TEST, regions, run, signals, told, told_of_groups
from sklearn.linear_model import Ridge

import jaxneuro as jn
from jaxneuro import axes, encoding, splits

pytestmark = pytest.mark.usefixtures("hasty")

# Missing values, constants


def _alternate(y):
    y[::2, 0], y[1::2, 2] = np.nan, np.nan


def _fitted_block(y):
    y[30:70, 1] = np.nan


def _whole_rows(y):
    y[10:40] = np.nan


def _scattered(y):
    y[np.random.default_rng(5).random(y.shape) < 0.3] = np.nan


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """Both jobs of numbers on whole data, the last 60 samples held out."""
    x, y = signals()
    folder = tmp_path_factory.mktemp("plain")
    return {job: run(job, folder, x=x, y=y, test=TEST)
            for job in ("neural_decoding", "neuron_activity")}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
@pytest.mark.parametrize("spoil", [_alternate, _fitted_block, _whole_rows, _scattered])
def test_missing_values_cost_only_themselves(tmp_path: Path, plain, job: str, spoil) -> None:
    x, y = signals()
    spoil(y)
    found = run(job, tmp_path, x=x, y=y, test=TEST)
    for model, score in plain[job]["models"].items():
        slack = 0.05 if "MLP" not in model else 0.25
        assert found["models"][model] == pytest.approx(score, abs=slack), model
    scored = found["outputs_scored" if job == "neural_decoding" else "neurons_scored"]
    assert scored == [3, 3]
    assert "bad_data" not in found["statuses"]
    if job == "neural_decoding":
        assert found["gap_to_exact"] < 1e-3
        assert np.isfinite(found["baseline"])


@pytest.mark.slow
@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
@pytest.mark.parametrize("value", [np.nan, -2.5])
def test_one_bad_output_takes_no_other_along(tmp_path: Path, plain, job: str, value) -> None:
    x, y = signals()
    y[:, 1] = value
    found = run(job, tmp_path, x=x, y=y, test=TEST)
    what = {"neural_decoding": "output", "neuron_activity": "neuron"}[job]
    assert found[f"{what}s_scored"] == [2, 3]
    assert found["score"] > 0.75
    assert all(np.isfinite(score) for score in found["models"].values())
    assert f"Scores are means over 2 of 3 {what}s: those of {what} 1 are undefined" in told(found)
    if job == "neural_decoding":
        assert found["gap_to_exact"] < 1e-3
        assert "bad_data" not in told(found)  # one fit has all outputs
    elif np.isnan(value):
        assert found["statuses"]["bad_data"] > 0
        assert "y: column 1 has no value at all: its status will be bad_data" in told(found)


@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
def test_if_nothing_can_be_scored_that_is_an_error(tmp_path: Path, job: str) -> None:
    x, y = signals()
    with pytest.raises(ValueError, match=r"no (output|neuron) has a defined held-out score"):
        run(job, tmp_path, x=x, y=np.where(TEST[:, None], 1.5, y), test=TEST)
    with pytest.raises(ValueError, match="no value at all"):
        run(job, tmp_path, x=x, y=np.full(y.shape, np.nan))


def test_a_choice_at_the_edge_is_told(tmp_path: Path) -> None:
    x, y = signals()
    noise = np.random.default_rng(1).normal(size=y.shape)
    found = run("neural_decoding", tmp_path, x=x, y=noise, test=TEST)
    assert "linear decoder: of 1 choices of l2, 1 lie at the greatest" in told(found)


# What float32 cannot hold


def _clock(x):
    x = x.copy()
    x[:, -1] = 1.7e9 + 60 * (x[:, -1] + 1)  # seconds since 1970, two minutes
    return x


MOVED = {
    "an offset": lambda x: x + 1e8,
    "tesla": lambda x: x * 1e-25,
    "beyond float32": lambda x: x * 1e39,
    "a clock": _clock,
    "offset and scale": lambda x: (x - 1e7) * 1e-20,
}


@pytest.mark.slow
@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
@pytest.mark.parametrize("name", MOVED)
def test_the_same_scores_in_any_unit_of_x(tmp_path: Path, plain, job: str, name: str) -> None:
    x, y = signals()
    found = run(job, tmp_path, x=MOVED[name](x), y=y, test=TEST)
    for model, score in plain[job]["models"].items():
        assert found["models"][model] == pytest.approx(score, abs=5e-3), model


@pytest.mark.slow
@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
def test_the_same_scores_in_any_unit_of_y(tmp_path: Path, plain, job: str) -> None:
    x, y = signals()
    microvolts = y * [20e-6, 30e-6, 1e-9] + [0.07, -3.0, 0.0]
    camera = np.round(y * 500) + 3e6  # whole numbers, and yet no counts of events
    large = y * 1e9 + 3e15
    for moved in (microvolts, camera, large):
        found = run(job, tmp_path, x=x, y=moved, test=TEST)
        for model, score in plain[job]["models"].items():
            assert found["models"][model] == pytest.approx(score, abs=0.02), model


@pytest.fixture(scope="module")
def areas_of_plain(tmp_path_factory) -> dict[str, Any]:
    x, y = regions()
    return run("brain_areas", tmp_path_factory.mktemp("plain"), x=x, y=y)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVED)
def test_the_same_areas_in_any_unit_of_x(tmp_path: Path, areas_of_plain, name: str) -> None:
    x, y = regions()
    found = run("brain_areas", tmp_path, x=MOVED[name](x) if name != "a clock" else x + 1.7e9, y=y)
    for model, score in areas_of_plain["models"].items():
        assert found["models"][model] == pytest.approx(score, abs=0.05), model


@pytest.mark.slow
def test_a_feature_that_no_shift_can_save_is_named(tmp_path: Path, plain) -> None:
    x, y = signals()
    x[:120, 3] += 1e12
    x[120:, 3] -= 1e12
    found = run("neural_decoding", tmp_path, x=x, y=y, test=TEST)
    assert "the first is feature 3" in told(found)
    assert np.isfinite(found["score"])


# Groups


@pytest.mark.slow
@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
def test_groups_of_one_value_and_of_strings(tmp_path: Path, job: str) -> None:
    x, y = signals()
    told_of_groups(tmp_path, job, x=x, y=y, test=TEST)


# Large means and scales of y


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (1e5, 1), (-1e6, 1), (0, 1e9), (3e4, 1e-3)])
def test_ridge_of_a_large_mean_is_ridge(shift: float, scale: float) -> None:
    x, y = signals(4)
    y = y * scale + shift
    train = ~TEST
    folds = splits.holdout(TEST)
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    z, l2 = (x - mean) / deviation, 0.03
    fits = jn.fit_many(
        encoding.linear(), jn.make_inputs(x, y),
        [axes.targets(3), axes.folds(folds), axes.grid(l2=[l2])], lanes=4,
    )  # fmt: skip
    assert set(fits.statuses()) <= {"converged", "plateau"}
    # In float32, as is what is fitted; about the mean, as sklearn does it in double precision.
    theirs = Ridge(alpha=l2 * train.sum()).fit(z[train], y[train])
    ours = fits.predict(x)[:, 0, 0].T
    rounding = np.abs(shift) * 2e-7 + scale * 2e-3
    np.testing.assert_allclose(ours, theirs.predict(z), atol=rounding)

    found = jn.closed_form.ridge_search(x, y, folds, [l2])
    theirs = Ridge(alpha=l2 * train.sum()).fit(x[train], y[train])
    errors = np.square(y - theirs.predict(x))[~train].mean(axis=0)
    np.testing.assert_allclose(found.errors[0], errors, rtol=1e-3)
    every = Ridge(alpha=l2 * SAMPLES).fit(x, y)
    np.testing.assert_allclose(found.kernel, every.coef_.T, rtol=1e-3, atol=1e-3 * scale)
    np.testing.assert_allclose(found.bias, every.intercept_, rtol=1e-6, atol=1e-3 * scale)
