"""Kinds of data and of use that once gave a wrong answer, or none: each is fitted, or told why not.

The jobs run as from their commands, small, on recordings made up here; equal shapes share compiled
programs.
"""

import collections
import copy
import pickle
import signal
import types
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import python
from jax.tree_util import Partial

import jaxneuro as jn
from jaxneuro import (
    axes,
    encoding,
    features,
    losses,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro.engine.results import Results
from jaxneuro.selection import lag_choice

pytest.importorskip("tyro")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from experiments import brain_areas, neural_decoding, neuron_activity
from experiments.runs import choose, command_line

JOBS = {
    "neuron_activity": neuron_activity,
    "brain_areas": brain_areas,
    "neural_decoding": neural_decoding,
}
SAMPLES, FEATURES = 240, 6


def run(job: str, folder: Path, kind: str = "", **fields: Any) -> dict[str, Any]:
    """The summary of a job on a file that holds these fields."""
    file = folder / f"{job}.npz"
    np.savez(file, **fields)
    more = {"kind": kind} if kind else {}
    made = JOBS[job]
    return made.main(made.Options(data=str(file), out=folder / job, quick=True, **more))


def told(summary: dict[str, Any]) -> str:
    return "\n".join(summary["notes"])


def signals(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x (sample, feature), the last a clock; y (sample, 3) that most decoders find."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, FEATURES))
    x[:, -1] = np.linspace(-1, 1, SAMPLES)
    y = x @ rng.normal(size=(FEATURES, 3)) + 0.4 * rng.normal(size=(SAMPLES, 3))
    return x, y


def regions(samples: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x (sample, feature) of three regions, which are well apart; y (sample,) 0 to 2."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(samples) % 3)
    x = rng.normal(size=(3, FEATURES))[y] * 2.5 + rng.normal(size=(samples, FEATURES))
    return x, y


# 1 Rare events


def _of_means(loss: losses.Loss, low: int, high: int) -> np.ndarray:
    """Events in 2 × 500 samples, of which so many of each half have one."""
    many = np.arange(500)
    y = np.r_[many < low, many < high]
    if loss.labels:
        return y.astype(np.int32)
    return y.astype(np.float32)


RARE = {
    "poisson": (losses.poisson, (4, 6), (300, 450), 2.0),
    "bernoulli": (losses.bernoulli, (4, 6), (220, 280), 2.0),
    "softplus": (losses.poisson_softplus, (4, 6), (300, 450), 2.0),
    "squared": (losses.squared_error, (4, 6), (220, 280), 2.0),
    "cross-entropy": (losses.cross_entropy, (4, 6), (220, 280), 1.5),
}


@pytest.mark.parametrize("name", RARE)
def test_a_strength_means_the_same_for_rare_and_for_common_events(name: str) -> None:
    loss, *events, expected = RARE[name]
    fit = jn.make_fit(
        models.linear(2 if loss.labels else None), loss, optimizers.lbfgs(), penalties.ridge(),
        jn.Stop(gradient=1e-6), standardise=True, relative=True,
    )  # fmt: skip
    x = np.repeat([-1.0, 1.0], 500)[:, None]
    for low, high in events:
        inputs = jn.make_inputs(x, _of_means(loss, low, high))
        found = jn.fit_many(fit, inputs, axes.grid(l2=[1e-6, 1.0]), lanes=2)
        none, one = np.abs(found.params["readout"]["kernel"]).reshape(2, -1).max(axis=1)
        # To second order, strength 1 halves a weight; of two logits, each has two thirds left.
        assert none / one == pytest.approx(expected, rel=0.12)


def test_spikes_in_one_of_many_bins_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 1, 6000)
    log_rate = -0.5 * ((place[:, None] - [0.3, 0.7]) / [0.06, 0.15]) ** 2 + np.log([0.05, 0.4])
    x = np.stack([place, place**2], axis=1)
    y = rng.poisson(np.exp(log_rate))
    test = np.arange(6000) >= 4500
    found = run("neuron_activity", tmp_path, x=x, y=y, test=test)
    truth = np.mean(metrics.bits_per_spike(y[test], np.exp(log_rate[test])))
    assert set(found["bits_per_spike"]) == set(found["models"]) == {
        "ridge", "Poisson GLM", "Poisson MLP"
    }  # fmt: skip
    assert found["bits_per_spike"]["Poisson GLM"] > 0.9 * truth
    assert found["model"] != "ridge"
    assert found["score"] == found["models"][found["model"]]


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


def test_a_choice_at_the_edge_is_told(tmp_path: Path) -> None:
    x, y = signals()
    noise = np.random.default_rng(1).normal(size=y.shape)
    found = run("neural_decoding", tmp_path, x=x, y=noise, test=np.arange(SAMPLES) >= 180)
    assert "linear decoder: of 1 choices of l2, 1 lie at the greatest" in told(found)


# 2 Missing values, constants


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
    folder, test = tmp_path_factory.mktemp("plain"), np.arange(SAMPLES) >= 180
    return {job: run(job, folder, x=x, y=y, test=test)
            for job in ("neural_decoding", "neuron_activity")}  # fmt: skip


@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
@pytest.mark.parametrize("spoil", [_alternate, _fitted_block, _whole_rows, _scattered])
def test_missing_values_cost_only_themselves(tmp_path: Path, plain, job: str, spoil) -> None:
    x, y = signals()
    spoil(y)
    found = run(job, tmp_path, x=x, y=y, test=np.arange(SAMPLES) >= 180)
    for model, score in plain[job]["models"].items():
        slack = 0.05 if "MLP" not in model else 0.25
        assert found["models"][model] == pytest.approx(score, abs=slack), model
    scored = found["outputs_scored" if job == "neural_decoding" else "neurons_scored"]
    assert scored == [3, 3]
    assert "bad_data" not in found["statuses"]
    if job == "neural_decoding":
        assert found["gap_to_exact"] < 1e-3
        assert np.isfinite(found["baseline"])


@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
@pytest.mark.parametrize("value", [np.nan, -2.5])
def test_one_bad_output_takes_no_other_along(tmp_path: Path, plain, job: str, value) -> None:
    x, y = signals()
    y[:, 1] = value
    found = run(job, tmp_path, x=x, y=y, test=np.arange(SAMPLES) >= 180)
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
    test = np.arange(SAMPLES) >= 180
    with pytest.raises(ValueError, match=r"no (output|neuron) has a defined held-out score"):
        run(job, tmp_path, x=x, y=np.where(test[:, None], 1.5, y), test=test)
    with pytest.raises(ValueError, match="no value at all"):
        run(job, tmp_path, x=x, y=np.full(y.shape, np.nan))


# 3 What float32 cannot hold


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


@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
@pytest.mark.parametrize("name", MOVED)
def test_the_same_scores_in_any_unit_of_x(tmp_path: Path, plain, job: str, name: str) -> None:
    x, y = signals()
    found = run(job, tmp_path, x=MOVED[name](x), y=y, test=np.arange(SAMPLES) >= 180)
    for model, score in plain[job]["models"].items():
        assert found["models"][model] == pytest.approx(score, abs=5e-3), model


@pytest.mark.parametrize("job", ["neural_decoding", "neuron_activity"])
def test_the_same_scores_in_any_unit_of_y(tmp_path: Path, plain, job: str) -> None:
    x, y = signals()
    test = np.arange(SAMPLES) >= 180
    microvolts = y * [20e-6, 30e-6, 1e-9] + [0.07, -3.0, 0.0]
    camera = np.round(y * 500) + 3e6  # whole numbers, and yet no counts of events
    large = y * 1e9 + 3e15
    for moved in (microvolts, camera, large):
        found = run(job, tmp_path, x=x, y=moved, test=test)
        for model, score in plain[job]["models"].items():
            assert found["models"][model] == pytest.approx(score, abs=0.02), model


@pytest.fixture(scope="module")
def areas_of_plain(tmp_path_factory) -> dict[str, Any]:
    x, y = regions()
    return run("brain_areas", tmp_path_factory.mktemp("plain"), x=x, y=y)


@pytest.mark.parametrize("name", MOVED)
def test_the_same_areas_in_any_unit_of_x(tmp_path: Path, areas_of_plain, name: str) -> None:
    x, y = regions()
    found = run("brain_areas", tmp_path, x=MOVED[name](x) if name != "a clock" else x + 1.7e9, y=y)
    for model, score in areas_of_plain["models"].items():
        assert found["models"][model] == pytest.approx(score, abs=0.05), model


def test_a_feature_that_no_shift_can_save_is_named(tmp_path: Path, plain) -> None:
    x, y = signals()
    x[:120, 3] += 1e12
    x[120:, 3] -= 1e12
    found = run("neural_decoding", tmp_path, x=x, y=y, test=np.arange(SAMPLES) >= 180)
    assert "the first is feature 3" in told(found)
    assert np.isfinite(found["score"])


# 4 Which way is better


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


@pytest.mark.parametrize(
    "scores",
    [
        None,
        {"mse": metrics.mean_squared_error},
        {"mae": jn.Score(_absolute, higher_is_better=False)},
        {"fit": _least_squares},
        {"r2": metrics.r2},
    ],
    ids=["loss", "error", "Score", "function", "r2"],
)
def test_the_best_penalty_is_chosen_not_the_worst(scores) -> None:
    fit, inputs, grid = _grid_of(scores)
    nested = splits.nested(splits.k_fold(SAMPLES, 2, 0), lambda i: splits.k_fold(len(i), 2, 1))
    found = jn.crossval.search(fit, inputs, [axes.targets(3)], nested, grid, lanes=8)
    assert found.selection is not None
    assert (found.selection.values["l2"] == 1e-3).all()
    assert found.sign == (1 if scores and {"fit", "r2"} & set(scores) else -1)


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


# 5 What is a picture


def test_epochs_are_no_pictures_unless_asked(tmp_path: Path, capsys) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    epochs = rng.normal(size=(90, 7, 5)) + y[:, None, None] * np.linspace(-1, 1, 5)
    found = run("brain_areas", tmp_path, x=epochs, y=y)
    assert "x (90, 7, 5) is taken as features, not images; --kind images" in told(found)
    assert "x (90, 7, 5) is taken as features" in capsys.readouterr().out
    assert set(found["models"]) == {"majority", "softmax regression", "MLP"}
    assert found["models"]["softmax regression"] > 0.8
    found = run("brain_areas", tmp_path, "images", x=epochs, y=y)
    assert "is taken as images; --kind features" in told(found)
    assert "the article's CNN" in found["models"]
    with pytest.raises(ValueError, match=r"--kind images: x has shape \(90, 35\)"):
        run("brain_areas", tmp_path, "images", x=epochs.reshape(90, -1), y=y)


@pytest.mark.parametrize(
    ("shape", "kind", "images"),
    [
        ((9, 9), "auto", True),
        ((9, 9), "features", False),
        ((6, 9, 2), "auto", True),
        ((50, 9), "auto", False),
        ((50, 9), "images", True),
        ((3, 3), "auto", False),
        ((40,), "auto", False),
    ],
)
def test_what_is_taken_for_a_picture(shape, kind: str, images: bool) -> None:
    part = brain_areas.Part()
    given: Any = types.SimpleNamespace(x=np.zeros((12, *shape)))
    assert brain_areas._are_images(given, kind, part) is images


# 6 The past of a series


def _delayed(samples: int = 600, delay: int = 6, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, 3))
    drive = np.roll(x, delay, axis=0) @ rng.normal(size=(3, 2))
    drive[:delay] = 0
    return x, drive + 0.3 * rng.normal(size=drive.shape)


def test_a_series_is_decoded_from_its_past(tmp_path: Path) -> None:
    x, y = _delayed()
    found = run("neural_decoding", tmp_path, x=x, y=y, dt=0.02)
    assert found["lags"] == 10
    assert found["models"]["linear decoder"] > 0.8
    assert found["models"]["exact ridge"] > 0.8
    assert found["gap_to_exact"] < 1e-3
    best, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert np.max(metrics.r2(y, x @ best)) < 0.1  # of the present alone


@pytest.mark.slow
def test_neurons_answer_late(tmp_path: Path) -> None:
    x, drive = _delayed(seed=1)
    y = np.random.default_rng(1).poisson(np.exp(0.5 * drive - 1))
    found = run("neuron_activity", tmp_path, x=x, y=y, dt=0.02)
    assert found["bits_per_spike"]["Poisson GLM"] > 0.1  # 0 of the present, x being white
    assert found["models"]["Poisson GLM"] > 0.2


def test_no_lag_reaches_over_the_edge_of_a_group(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    groups = np.repeat(["b", "a", "c"], 20)
    design, axis = lag_choice(x, (0, 2, 4), groups)
    assert design.shape == (60, 5, 2) and axis.labels == (0, 2, 4)
    for name in "abc":
        alone = features.lags(x[groups == name] - np.median(x, axis=0), 5)
        np.testing.assert_array_equal(design[groups == name], alone)
    seen = [np.asarray(axis.select(jn.make_inputs(design, np.zeros(60)), i).features).sum()
            for i in range(3)]  # fmt: skip
    assert seen == [2, 6, 10]
    x, y = _delayed()
    trials = np.repeat([f"trial {i}" for i in range(20)], 30)
    found = run("neural_decoding", tmp_path, x=x, y=y, dt=0.02, groups=trials)
    assert found["lags"] == 10
    assert found["models"]["linear decoder"] > 0.5  # but for the first bins of each trial


# 7 and 8 Labels of any kind

NAMES = np.array(["MT", "V1", "IT"])
FORMS = {
    "strings": lambda y: NAMES[y],
    "bytes": lambda y: NAMES[y].astype("S"),
    "objects": lambda y: NAMES[y].astype(object),
    "one-hot": lambda y: np.eye(3, dtype=bool)[y],
    "column": lambda y: (y * 7 + 3)[:, None],
    "negative": lambda y: y - 5,
    "bytes of memory": lambda y: (y + 250).astype(np.uint8),
}


@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
@pytest.mark.parametrize("form", FORMS)
def test_labels_of_any_kind(tmp_path: Path, areas_of_plain, job: str, form: str) -> None:
    x, y = regions()
    found = run(job, tmp_path, x=x, y=FORMS[form](y))
    assert found["score_name"] == "held-out accuracy"
    softmax = found["models"]["softmax regression"]
    assert softmax == pytest.approx(areas_of_plain["models"]["softmax regression"], abs=0.1)
    assert "y has 3 categories" in told(found)


@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
def test_yes_and_no_are_labels(tmp_path: Path, job: str) -> None:
    x, y = regions()
    found = run(job, tmp_path, x=x, y=y == 1)
    assert found["models"]["softmax regression"] > 0.8
    assert "y has 2 categories: False, True" in told(found)


def test_one_hot_numbers_of_areas(tmp_path: Path) -> None:
    x, y = regions()
    assert run("brain_areas", tmp_path, x=x, y=np.eye(3)[y])["score"] > 0.8


@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
def test_few_of_a_class(tmp_path: Path, job: str) -> None:
    x, y = regions(60)
    x = np.r_[x, x[:1] + 9, x[:2] - 9]
    names = np.r_[NAMES[y], ["seen once", "twice", "twice"]]
    found = run(job, tmp_path, x=x, y=names)
    assert found["score"] > 0.6
    assert "y: class seen once seen once: left out of every part" in told(found)
    assert "class twice" in told(found) and "folds must" not in told(found)


@pytest.mark.parametrize("job", ["brain_areas", "neural_decoding"])
def test_twelve_samples(tmp_path: Path, job: str) -> None:
    x, y = regions(60)
    chosen = np.concatenate([np.flatnonzero(y == k)[:4] for k in range(3)])
    found = run(job, tmp_path, x=x[chosen], y=NAMES[y[chosen]])
    assert 0 <= found["score"] <= 1 and "folds must" not in told(found)


@pytest.mark.parametrize(
    "job",
    [
        "brain_areas",
        pytest.param("neural_decoding", marks=pytest.mark.slow),
        pytest.param("neuron_activity", marks=pytest.mark.slow),
    ],
)
def test_groups_of_one_value_and_of_strings(tmp_path: Path, job: str) -> None:
    (x, y), named = regions(), np.repeat([f"run {i}" for i in range(6)], 20)
    y = y if job == "brain_areas" else signals()[1][:120]
    found = run(job, tmp_path, x=x, y=y, groups=np.repeat("all", 120))
    assert "groups has one value only: the samples are split without groups" in told(found)
    found = run(job, tmp_path, x=x, y=y, groups=named)
    assert "one value only" not in told(found)
    assert np.isfinite(found["score"])


@pytest.mark.parametrize(
    ("job", "change", "says"),
    [
        ("brain_areas", {"y": np.full(120, "V1")}, r"'y' has one class only \(V1\)"),
        ("brain_areas", {"y": np.where(np.arange(120) == 9, np.nan, 1.0)}, "'y' has 1 missing"),
        ("brain_areas", {"y": np.linspace(0, 1, 120)}, "'y' has 118 values that are not whole"),
        ("neural_decoding", {"groups": np.ones((120, 2))}, r"'groups' has shape \(120, 2\)"),
        ("neural_decoding", {"dt": -1.0}, r"'dt' is -1.0; it must be one positive"),
        ("neuron_activity", {"y": np.full((120, 2), "a")}, r"'y' has dtype <U1, not real"),
        ("neuron_activity", {"test": np.ones(120, bool)}, "'test' is True everywhere"),
    ],
)
def test_messages_speak_of_the_file(tmp_path: Path, job: str, change, says: str) -> None:
    x, y = regions()
    fields = {"x": x, "y": y, **change}
    with pytest.raises(ValueError, match=rf"{job}\.npz: field {says}"):
        run(job, tmp_path, **fields)


# 9 Large means and scales of y


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (1e5, 1), (-1e6, 1), (0, 1e9), (3e4, 1e-3)])
def test_ridge_of_a_large_mean_is_ridge(shift: float, scale: float) -> None:
    x, y = signals(4)
    y = y * scale + shift
    train = np.arange(SAMPLES) < 180
    folds = splits.holdout(~train)
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


# 10 Axes that change x, and their arrays


def _louder(gains, inputs, index):
    return inputs._replace(x=inputs.x * gains[index])


def test_an_axis_that_changes_x_is_named_or_works() -> None:
    x, y = signals()
    inputs = jn.make_inputs(x, y[:, 0])
    axis = jn.Axis("gain", 3, Partial(_louder, np.array([1.0, 2.0, 4.0], np.float32)))

    def fitted(precondition):
        fit = jn.make_fit(
            models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(1e-3),
            jn.Stop(gradient=1e-6), precondition=precondition,
        )  # fmt: skip
        return jn.fit_many(fit, inputs, [axis], lanes=3)

    with pytest.raises(ValueError, match=r"axis 'gain' changes x.*precondition=False"):
        fitted(True)
    fits = fitted(False)
    alone = jn.fit_many(fits.fit, jn.make_inputs(4 * x, y[:, 0]), lanes=1)
    np.testing.assert_allclose(
        fits.params["readout"]["kernel"][2], alone.params["readout"]["kernel"], rtol=1e-3, atol=1e-4
    )


# 11 What fits silently lack


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


# 12 Spikes of several units


def test_spikes_of_a_mapping_are_those_of_its_units() -> None:
    units = collections.UserDict({12: np.array([0.35, 0.05, 0.31]), 4: [], 7: [0.1, 0.39, 0.11]})
    counts = features.spike_counts(units, 0.1, 4)
    np.testing.assert_array_equal(counts, [[1, 0, 0], [0, 0, 2], [0, 0, 0], [2, 0, 1]])
    with pytest.raises(ValueError, match=r"unit 7: spike 1 is at nan"):
        features.spike_counts({4: [0.1], 7: [0.1, np.nan]}, 0.1, 4)
    with pytest.raises(ValueError, match="times in seconds"):
        features.spike_counts({"V1", "MT"}, 0.1, 4)  # pyright: ignore[reportArgumentType]


# 13 Devices

_TWO_DEVICES = """
import hashlib, jax, numpy as np
import flax.linen as nn
import jaxneuro as jn
from jaxneuro import axes, losses, models, optimizers

class Recurrent(nn.Module):
    @nn.compact
    def __call__(self, x):
        cell = nn.RNN(nn.GRUCell(3), name="cell")(x)
        return nn.Dense(1, name="out")(cell[:, -1])

rng = np.random.default_rng(0)
x, y = rng.normal(size=(24, 5, 2)), rng.normal(size=24)
fit = jn.make_fit(models.from_linen(Recurrent()), losses.half_squared_error, optimizers.lbfgs(3),
                  stop=jn.Stop(max_steps=5))
assert len(jax.local_devices()) == 2
told = []
for devices in (jax.local_devices(), jax.local_devices()[:1]):
    lanes = 4 // len(devices)
    fits = jn.fit_many(fit, jn.make_inputs(x, y), [axes.seeds(4)], devices=devices, lanes=lanes)
    leaves = jax.tree.leaves(fits.params)
    told.append(hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in leaves)).hexdigest())
print(told[0] == told[1], fits.statuses())
"""


def test_an_orthogonal_start_on_two_devices_has_the_same_bits() -> None:
    done = python(_TWO_DEVICES, JAX_NUM_CPU_DEVICES="2", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("True {'step_limit': 4}")


# 14 Arguments of another type


def _make(**changed):
    given: dict[str, Any] = {"model": models.linear(), "loss": losses.poisson,
                             "optimizer": optimizers.lbfgs(), **changed}  # fmt: skip
    return jn.make_fit(**given)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: _make(optimizer="adam"), TypeError, "optimizer is 'adam': .*optax.adam"),
        (lambda: _make(optimizer=0.1), TypeError, "optimizer is 0.1"),
        (lambda: _make(loss="poisson"), TypeError, "loss is 'poisson': .*losses.poisson"),
        (lambda: _make(scores="r2"), TypeError, "scores is 'r2': .*metrics.r2"),
        (lambda: _make(scores={"r2": "r2"}), TypeError, "score 'r2' is 'r2'"),
        (lambda: _make(model="linear"), TypeError, "model is 'linear': .*models.linear"),
        (lambda: _make(model=nn.Dense(1)), TypeError, "from_linen"),
        (lambda: _make(penalty="ridge"), TypeError, "penalty is 'ridge'"),
        (lambda: _make(penalty=0.1), TypeError, "penalty is 0.1"),
        (lambda: _make(stop=100), TypeError, r"stop is 100: pass jaxneuro.Stop"),
        (lambda: jn.make_inputs([[1.0], [2.0]], [1, 2], hyper={"l2": [1, 2]}), ValueError,  # pyright: ignore
         r"hyper\['l2'\] is \[1, 2\]: .*axes.grid\(l2=\[...\]\)"),
        (lambda: axes.folds(KFold(4)), ValueError, "need samples="),
        (lambda: axes.folds(5), TypeError, "5 is no folds: .*scikit-learn splitter"),
    ],
)  # fmt: skip
def test_what_is_no_such_thing_is_told_at_once(call, error, says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_splitters_and_lists_of_indices_are_folds() -> None:
    made = axes.folds(KFold(4), samples=20)
    assert made.size == 4
    inputs = jn.make_inputs(np.ones((20, 1)), np.ones(20))
    held_out = made.select(inputs, 1).held_out
    np.testing.assert_array_equal(np.flatnonzero(held_out), np.arange(5, 10))
    classes = np.arange(20) % 2
    kept = axes.folds(StratifiedKFold(2), samples=20, y=classes).select(inputs, 0)
    assert kept.held_out[classes == 0].sum() == kept.held_out[classes == 1].sum()
    pairs = axes.folds([([0, 1], [2]), ([2], [0])], samples=3)
    assert pairs.size == 2


# 15 Stopping, and what is printed


def _slow(results: Results, *arguments):
    if results.done.sum() >= 2:
        raise KeyboardInterrupt
    return _ADD(results, *arguments)


_ADD = Results.add
_BACK = encoding.linear()


def _some(out=None):
    x, y = signals()
    return jn.fit_many(_BACK, jn.make_inputs(x, y), [axes.targets(3), axes.grid(l2=[0.1, 0.2])],
                       lanes=1, out=out)  # fmt: skip


def test_ctrl_c_says_what_is_safe(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Results, "add", _slow)
        with pytest.raises(jn.Interrupted, match=r"stopped after \d of 6 fits; none is kept: with"):
            _some()
        told = rf"of 6 fits; they are safe in {tmp_path}: the same call goes on from there"
        with pytest.raises(KeyboardInterrupt, match=told):
            _some(tmp_path)
    resumed, whole = _some(tmp_path), _some()
    np.testing.assert_array_equal(resumed.loss, whole.loss)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_ends_with_130_and_a_word(capsys, sent) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as ended:
            command_line(brain_areas.Options, lambda options: signal.raise_signal(sent), [])
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert ended.value.code == 130
    assert ended.value.__cause__ is None and ended.value.__suppress_context__
    assert capsys.readouterr().err.strip() == "stopped"


def test_a_command_hands_on_what_is_safe(capsys, monkeypatch) -> None:
    monkeypatch.setattr(Results, "add", _slow)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        command_line(brain_areas.Options, lambda options: _some(), [])
    assert "fits; none is kept: with out=FOLDER" in capsys.readouterr().err


def test_a_command_says_where_its_report_lies(tmp_path: Path, capsys) -> None:
    x, y = regions()
    run("brain_areas", tmp_path, x=x, y=y)
    told = capsys.readouterr().out
    assert f"report: {tmp_path / 'brain_areas' / 'report.html'}" in told
    assert (tmp_path / "brain_areas" / "report.html").exists()


def test_fits_are_one_line_and_predict() -> None:
    x, _ = signals()
    fits = _some()
    assert "\n" not in repr(fits) and len(repr(fits)) < 300
    assert "6 fits (target: 3, l2: 2)" in repr(fits)
    found = fits.predict(x[:10])
    assert found.shape == (3, 2, 10)
    dense = fits.params["readout"]
    for place in np.ndindex(3, 2):
        own = x[:10] @ dense["kernel"][place].reshape(-1) + dense["bias"][place].reshape(())
        np.testing.assert_allclose(found[place], own, rtol=1e-4, atol=1e-4)


# 16 Schedules


def test_a_schedule_of_a_traced_rate_tells_the_recipe_and_the_recipe_works() -> None:
    x, y = signals()
    inputs = jn.make_inputs(x, y[:, 0])
    rates = axes.grid(learning_rate=[0.01, 0.1])

    def branching(hyper):
        return optax.adam(
            optax.warmup_cosine_decay_schedule(0.0, hyper["learning_rate"], 5, 60, 0.0)
        )

    def fit_by(optimizer):
        fit = jn.make_fit(models.linear(), losses.half_squared_error, optimizer,
                          stop=jn.Stop(max_steps=60, gradient=0, plateau=0))  # fmt: skip
        return jn.fit_many(fit, inputs, [rates], lanes=2)

    with pytest.raises(TypeError, match=r"Make the schedule of plain numbers and multiply") as said:
        fit_by(branching)
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1.0, 5, 60, 0.0)
    recipe = str(said.value).split("multiply: ")[1].replace("SCHEDULE_TO_1", "schedule")

    def multiplied(hyper):
        return eval(recipe, {"optax": optax, "schedule": schedule, "hyper": hyper})

    found = fit_by(multiplied)
    for i, rate in enumerate((0.01, 0.1)):
        alone = fit_by(optax.adam(optax.warmup_cosine_decay_schedule(0.0, rate, 5, 60, 0.0)))
        np.testing.assert_allclose(found.loss[i], alone.loss[0], rtol=1e-4)


# 17 Fits are values


def test_equal_fits_are_one_fit() -> None:
    assert encoding.linear() == encoding.linear()
    assert encoding.poisson_mlp((5,)) == encoding.poisson_mlp((5,))
    assert encoding.poisson_mlp((5,)) != encoding.poisson_mlp((6,))
    x, y = signals()
    every = [axes.targets(3), axes.grid(l2=[0.5])]
    jn.fit_many(encoding.linear(), jn.make_inputs(x, y), every, lanes=2)
    again = jn.fit_many(encoding.linear(), jn.make_inputs(x + 0.5, y), every, lanes=2)
    assert again.compile_seconds == 0


def test_fit_and_fits_pickle_and_copy() -> None:
    x, _ = signals()
    fits = _some()
    for again in (pickle.loads(pickle.dumps(fits)), copy.deepcopy(fits)):
        assert again.fit == fits.fit == pickle.loads(pickle.dumps(encoding.linear()))
        np.testing.assert_array_equal(again.predict(x), fits.predict(x))
        np.testing.assert_array_equal(again.loss, fits.loss)


def test_fits_of_lambdas_pickle_by_cloudpickle() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    x, y = signals()
    fit = jn.make_fit(
        models.linear(), lambda p, y: jnp.square(p - y), lambda hyper: optax.sgd(hyper["rate"]),
        stop=jn.Stop(max_steps=3),
    )  # fmt: skip
    fits = jn.fit_many(fit, jn.make_inputs(x, y[:, 0]), axes.grid(rate=[0.1, 0.2]), lanes=2)
    again = pickle.loads(cloudpickle.dumps(fits))
    np.testing.assert_array_equal(again.predict(x), fits.predict(x))
