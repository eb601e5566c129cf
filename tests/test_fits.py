"""What many fits leave behind: shapes, choices, tables."""

import copy
import pickle
import re
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import (
    LANES,
    POISSON,
    STRENGTHS,
    TARGETS,
    assert_same_bits,
    counts,
    problem,
    targets_and_grid,
)

from jaxneuro import Axis, Fits, Status, Warned, fit_many
from jaxneuro.prediction import take

NAN = np.nan


def axis(name, size, labels=None):
    return Axis(name, size, lambda inputs, index: inputs, labels)


def make(every, scores, **fields) -> Fits:
    """Fits of these axes with scores (*axes, ...) by name; nothing is fitted."""
    shape = tuple(a.size for a in every)
    blank = np.zeros(shape, np.int32)
    usual = {
        "params": None,
        "status": blank + Status.CONVERGED,
        "warning": blank,
        "steps": blank + 5,
        "loss": np.zeros(shape, np.float32),
        "gradient_norm": np.zeros(shape, np.float32),
        "rows": np.array(list(np.ndindex(*shape)), np.int32),
        "row_axes": tuple(every),
        "lanes": 1,
        "compile_seconds": 0.0,
        "run_seconds": 0.0,
        "useful": 1.0,
    }
    scores = {name: np.asarray(values, np.float32) for name, values in scores.items()}
    directed = tuple((name, name not in ("mse", "loss")) for name in scores)
    usual["fit"] = POISSON._replace(better=directed)
    return Fits(axes=tuple(every), scores=scores, **{**usual, **fields})


def searched(scores, labels=(0.1, 1.0, 10.0)):
    """Fits (target, fold, l2) of scores (target, fold, l2)."""
    scores = np.asarray(scores, float)
    targets, folds, points = scores.shape
    every = [axis("target", targets), axis("fold", folds), axis("l2", points, labels[:points])]
    return make(every, {"r2": scores})


def test_the_best_mean_over_folds_is_chosen():
    fits = searched([[[0.9, 0.5, 0.0], [0.0, 0.5, 0.1]], [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]])
    found = fits.select(["l2"])
    np.testing.assert_array_equal(found.chosen, [[1], [2]])
    np.testing.assert_array_equal(found.values["l2"], [1.0, 10.0])
    np.testing.assert_allclose(found.score, [0.5, 0.3])
    assert found.over == ("l2",)


def test_ties_go_to_the_larger_label_wherever_it_stands():
    tied = [[[0.5, 0.5, 0.2]]]
    assert searched(tied).select(["l2"]).values["l2"] == 1.0
    assert searched(tied, (3.0, 1.0, 10.0)).select(["l2"]).values["l2"] == 3.0
    assert searched([[[0.5, 0.5, 0.5]]], (1.0, 7.0, 2.0)).select(["l2"]).values["l2"] == 7.0


def test_without_labels_the_larger_index_wins():
    fits = make([axis("target", 1), axis("size", 3)], {"r2": [[0.1, 0.1, 0.0]]})
    assert fits.select(["size"]).chosen == 1


def test_a_candidate_without_a_score_where_others_have_one_loses():
    fits = searched([[[NAN, 0.1, 0.0], [0.9, 0.1, 0.0]], [[0.3, 0.1, NAN], [0.3, 0.1, 0.9]]])
    found = fits.select(["l2"])
    np.testing.assert_array_equal(found.chosen, [[1], [0]])
    np.testing.assert_allclose(found.score, [0.1, 0.3])


def test_a_fold_where_nobody_has_a_score_is_left_out():
    found = searched([[[NAN, NAN], [0.2, 0.4]]], (1.0, 2.0)).select(["l2"])
    np.testing.assert_array_equal(found.chosen, [[1]])
    np.testing.assert_allclose(found.score, [0.4])


def test_a_target_without_any_score_gets_the_strongest_penalty_and_nan():
    found = searched(np.full((2, 2, 3), NAN)).select(["l2"])
    np.testing.assert_array_equal(found.values["l2"], [10.0, 10.0])
    assert np.isnan(found.score).all()


def test_minus_infinity_is_a_bad_score_and_no_error():
    found = searched([[[-np.inf, 0.1, -np.inf]]]).select(["l2"])
    assert found.values["l2"] == 1.0


def test_several_axes_are_chosen_at_once():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 3, 4, 5)).round(1)  # l2, fold, target, rate
    every = [axis("l2", 2, (1.0, 3.0)), axis("fold", 3), axis("target", 4),
             axis("rate", 5, (0.5, 0.4, 0.3, 0.2, 0.1))]  # fmt: skip
    found = make(every, {"r2": scores}).select(["rate", "l2"])
    means = scores.astype(np.float32).astype(float).mean(axis=1)  # (l2, target, rate)
    for target in range(4):
        points = [(means[i, target, j], every[3].labels[j], every[0].labels[i], j, i)
                  for i in range(2) for j in range(5)]  # fmt: skip
        best = max(points)
        assert tuple(found.chosen[target]) == best[3:]
        assert (found.values["rate"][target], found.values["l2"][target]) == best[1:3]
        assert found.score[target] == pytest.approx(best[0])


def test_what_is_averaged_can_be_said():
    fits = make([axis("seed", 2), axis("l2", 2, (1.0, 2.0))], {"r2": [[0, 1], [5, 1]]})
    np.testing.assert_array_equal(fits.select(["l2"]).chosen, [[1], [0]])
    np.testing.assert_array_equal(fits.select(["l2"], mean=["seed"]).chosen, [0])


def test_outputs_are_averaged_and_the_score_is_named():
    fits = make([axis("l2", 2, (1.0, 2.0))], {"r2": [[0.0, 1.0], [0.4, 0.4]], "mse": [1.0, 2.0]})
    np.testing.assert_allclose(fits.score("r2"), [0.5, 0.4])
    assert fits.select(["l2"], "r2").values["l2"] == 1.0
    assert fits.select(["l2"], "mse").values["l2"] == 1.0
    with pytest.raises(ValueError, match=r"which score\? There are \['mse', 'r2'\]"):
        fits.select(["l2"])
    with pytest.raises(ValueError, match=r"no score 'r3'; there are"):
        fits.select(["l2"], "r3")


def test_errors_are_chosen_lowest_and_told_as_they_are():
    every = [axis("target", 2), axis("fold", 2), axis("l2", 3, (0.1, 1.0, 10.0))]
    losses_ = [[[3, 1, 2], [1, 0, 2]], [[NAN, 4, 4], [5, 6, 6]]]
    for name in ("loss", "mse"):
        found = make(every, {name: losses_}).select(["l2"])
        np.testing.assert_array_equal(found.values["l2"], [1.0, 10.0])
        np.testing.assert_allclose(found.score, [0.5, 5.0])
    upside_down = make(every, {"r2": -np.asarray(losses_)}).select(["l2"])
    np.testing.assert_array_equal(upside_down.values["l2"], [1.0, 10.0])
    np.testing.assert_allclose(upside_down.score, [-0.5, -5.0])


def test_choices_at_the_edges_are_counted():
    scores = [[[0.9, 0.5, 0.0]], [[0.1, 0.2, 0.3]], [[0.0, 0.2, 0.9]], [[0, 1, 0]], [[NAN] * 3]]
    found = searched(scores).select(["l2"])
    assert found.limits == {"l2": (0.1, 10.0)}
    assert found.at_edges() == {"l2": (1, 2)}  # what has no score chose nothing
    np.testing.assert_allclose(found.gain, [0.9, 0.2, 0.9, 1, NAN])
    level = searched([[[0.7, 0.7, 0.7 + 1e-7]], [[0.1, 0.2, 0.3]], [[0, 0, 0]]]).select(["l2"])
    assert level.at_edges() == {"l2": (0, 1)}  # nor what is level: silent units
    assert searched(np.zeros((1, 1, 2)), (1.0, 2.0)).select(["l2"]).at_edges() == {}
    named = make([axis("model", 3, ("a", "b", "c"))], {"r2": [0, 1, 2]})
    assert named.select(["model"]).at_edges() == {}


def test_outputs_without_a_score_are_left_out_of_the_mean():
    fits = make([axis("l2", 2, (1.0, 2.0))], {"r2": [[0.5, NAN, 0.1], [NAN] * 3]})
    np.testing.assert_allclose(fits.score(), [0.3, NAN])


@pytest.mark.parametrize("over", [["l3"], ["fold"], ["l2", "l3"]])
def test_axes_that_are_not_there(over):
    with pytest.raises(ValueError, match=r"select: no axis '(l3|fold)' to choose among"):
        searched(np.zeros((1, 2, 3))).select(over)


def test_shaped_sees_rows_along_axes():
    rows = np.array([[t, 0] for t in range(6)])
    params = {"w": np.arange(12.0).reshape(6, 2)}
    fits = make(
        [axis("row", 6)], {"r2": np.arange(6)}, params=params, rows=rows,
        row_axes=(axis("target", 6), axis("l2", 1, (0.5,))),
    )  # fmt: skip
    shaped = fits.shaped([axis("outer", 2), axis("inner", 3)])
    assert shaped.shape == (2, 3) and len(shaped) == 6
    assert shaped.params["w"].shape == (2, 3, 2)
    np.testing.assert_array_equal(shaped.scores["r2"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(shaped.table()["target"], np.arange(6))  # still what was fitted
    np.testing.assert_array_equal(take(shaped.params, (1, 2))["w"], [10, 11])


def test_statuses_are_counted_by_name():
    status = np.array([1, 1, 4, 6], np.int32)
    assert make([axis("target", 4)], {}, status=status).statuses() == {
        "converged": 2,
        "step_limit": 1,
        "bad_data": 1,
    }


def test_a_table_has_one_row_a_fit():
    every = [axis("target", 2, ("n7", "n9")), axis("l2", 2, (0.1, 1.0))]
    fits = make(
        every,
        {"loss": [[1, 2], [3, 4]], "r2": [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]},
        status=np.array([[1, 2], [4, 6]], np.int32),
        warning=np.array([[0, 1], [0, 0]], np.int32),
        loss=np.array([[9.0, 8.0], [7.0, 6.0]]),
    )
    table = fits.table()
    assert list(table) == ["target", "l2", "status", "warning", "steps", "loss", "gradient_norm",
                           "held_out_loss", "r2_0", "r2_1"]  # fmt: skip
    assert list(table["target"]) == ["n7", "n7", "n9", "n9"]
    assert list(table["l2"]) == [0.1, 1.0, 0.1, 1.0]
    assert list(table["status"]) == ["converged", "plateau", "step_limit", "bad_data"]
    assert list(table["warning"]) == ["", "constant_target", "", ""]
    assert list(table["loss"]) == [9, 8, 7, 6]
    assert list(table["held_out_loss"]) == [1, 2, 3, 4]
    assert list(table["r2_1"]) == [1, 3, 5, 7]


# Of true fits.


@pytest.fixture(scope="module")
def fitted():
    """Poisson fits (target, strength); the third neuron is silent."""
    _, y = counts()
    y[:, 2] = 0
    return fit_many(POISSON, problem(y), targets_and_grid(), lanes=LANES)


def test_axes_stand_in_front(fitted):
    assert fitted.shape == (TARGETS, 3) and len(fitted) == 24
    assert fitted.params["readout"]["kernel"].shape == (TARGETS, 3, 5, 1)
    assert fitted.params["readout"]["bias"].shape == (TARGETS, 3, 1)
    assert fitted.scores["correlation"].shape == (TARGETS, 3)
    for name in ("status", "warning", "steps", "loss", "gradient_norm"):
        assert getattr(fitted, name).shape == (TARGETS, 3), name
    assert fitted.compile_seconds >= 0 and fitted.run_seconds > 0


def test_stronger_penalties_shrink(fitted):
    """The values on the grid's axis are where the labels say."""
    norms = np.linalg.norm(fitted.params["readout"]["kernel"][..., 0], axis=-1)
    loud = [0, 1, 3, 4, 5, 6, 7]
    assert (np.diff(norms[loud], axis=1) < 0).all()


def test_a_silent_neuron_is_fitted_and_told(fitted):
    table = fitted.table()
    silent = table["target"] == 2
    assert list(table["warning"]) == ["constant_target" if s else "" for s in silent]
    assert np.isin(table["status"][silent], ["converged", "plateau", "step_limit"]).all()
    assert np.isfinite(table["loss"]).all()
    assert np.isnan(table["correlation"][silent]).all()
    assert np.isfinite(table["correlation"][~silent]).all()
    chosen = fitted.select(["strength"])
    assert np.isnan(chosen.score[2])
    assert chosen.values["strength"][2] == STRENGTHS[-1]


def test_predictions_follow_from_the_parameters(fitted):
    rate = POISSON.predict(take(fitted.params, (4, 0)), problem().x)
    held_out = np.asarray(problem().held_out) > 0
    y = counts()[1][:, 4]
    expected = np.corrcoef(np.asarray(rate)[held_out], y[held_out])[0, 1]
    assert fitted.scores["correlation"][4, 0] == pytest.approx(expected, rel=1e-4)
    assert Warned(int(fitted.warning[4, 0])) == Warned.NOTHING


def test_predict_is_what_each_fit_predicts(fitted):
    x = np.asarray(problem().x)[:31]
    found = fitted.predict(x)
    assert found.shape == (TARGETS, 3, 31)
    for place in np.ndindex(fitted.shape):
        wanted = POISSON.predict(take(fitted.params, place), jnp.asarray(x))
        np.testing.assert_allclose(found[place], wanted, rtol=1e-5)
    shaped = fitted.shaped([axis("both", TARGETS * 3)])
    np.testing.assert_array_equal(shaped.predict(x), found.reshape(-1, 31))
    np.testing.assert_allclose(fitted.predict(x[:1]), found[..., :1], rtol=1e-5)


def test_predict_of_more_fits_than_one_block(monkeypatch, fitted):
    x = np.asarray(problem().x)[:5]
    whole = fitted.predict(x)
    monkeypatch.setattr("jaxneuro.prediction._BLOCK", 7)  # 24 fits: the last block is not full
    np.testing.assert_allclose(fitted.predict(x), whole, rtol=1e-5)


def test_predict_needs_the_parameters(fitted):
    with pytest.raises(ValueError, match=r'not kept; fit with keep="all"'):
        replace(fitted, params=None).predict(np.zeros((1, 5)))


def test_a_line_says_what_there_is(fitted):
    text = repr(fitted)
    assert "\n" not in text and len(text) < 200
    told = r"<24 fits \(target: 8, strength: 3\): .*converged.*; median correlation 0\.\d+; .*>"
    assert re.fullmatch(told, text)
    assert "median r2 nan" in repr(searched(np.full((1, 1, 2), NAN), (1.0, 2.0)))


@pytest.mark.parametrize(
    "again", [lambda a: pickle.loads(pickle.dumps(a)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)  # fmt: skip
def test_fits_and_fit_are_the_same_from_a_copy(fitted, again):
    x = np.asarray(problem().x)[:5]
    assert again(POISSON) == POISSON
    found = again(fitted)
    assert found.fit == POISSON and repr(found) == repr(fitted)
    assert_same_bits(found, fitted)
    np.testing.assert_array_equal(found.predict(x), fitted.predict(x))
    np.testing.assert_array_equal(
        found.select(["strength"]).chosen, fitted.select(["strength"]).chosen
    )


def test_pandas(fitted):
    pandas = pytest.importorskip("pandas")
    frame = fitted.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.shape == (24, 8)
    assert frame[frame.target == 2].warning.unique() == ["constant_target"]


def test_xarray(fitted):
    pytest.importorskip("xarray")
    data = fitted.to_xarray()
    assert dict(data.sizes) == {"target": TARGETS, "strength": 3}
    np.testing.assert_array_equal(data.strength, STRENGTHS)
    assert set(data.data_vars) == {"status", "steps", "loss", "gradient_norm", "correlation"}
    picked = data.correlation.sel(target=4, strength=0.1)
    assert float(picked) == fitted.scores["correlation"][4, 1]


def test_xarray_of_several_outputs_and_a_loss_among_the_scores():
    pytest.importorskip("xarray")
    data = make([axis("fold", 2)], {"loss": [1, 2], "r2": np.zeros((2, 3))}).to_xarray()
    assert data.held_out_loss.dims == ("fold",)
    assert data.r2.dims == ("fold", "r2_0") and data.r2.shape == (2, 3)
