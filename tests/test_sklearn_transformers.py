"""Bases and lags as transformers: the same features as `jaxneuro.features`, with names."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline

from jaxneuro import features
from jaxneuro.sklearn import BasisFeatures, Lags


def test_lags_are_those_of_features():
    x = np.random.default_rng(0).normal(size=(20, 3))
    trials = np.repeat([4.0, 9.0], 10)
    given = np.column_stack([x[:, :1], trials, x[:, 1:]])
    found = Lags(4, first=1, trials=1).fit_transform(given)
    np.testing.assert_array_equal(found, features.lags(x, 4, 1, trials).reshape(20, -1))
    np.testing.assert_array_equal(Lags().fit_transform(x), x)
    names = Lags(2, trials=1).fit(given).get_feature_names_out()
    assert list(names) == ["x0[t]", "x2[t]", "x3[t]", "x0[t-1]", "x2[t-1]", "x3[t-1]"]
    single = x.astype(np.float32)
    assert Lags(2).fit_transform(single).dtype == np.float32


def test_a_stretch_shorter_than_its_lags_has_zeros_before_it():
    x = np.arange(1.0, 6.0)[:, None]
    lags = Lags(4, trials=None).fit(x)
    np.testing.assert_array_equal(lags.transform(x[:2]), lags.transform(x)[:2])
    timed = Lags(4, trials=1).fit(np.column_stack([x, x]))
    np.testing.assert_array_equal(
        timed.transform([[1.0, 1], [2.0, 1]]), [[1, 0, 0, 0], [2, 1, 0, 0]]
    )
    np.testing.assert_array_equal(
        timed.transform([[1.0, 1], [2.0, 2]]), [[1, 0, 0, 0], [2, 0, 0, 0]]
    )


def test_a_data_frame_keeps_its_names():
    frame = pd.DataFrame({"speed": [0.0, 1, 2, 3], "trial": [1, 1, 2, 2]})
    out = Lags(2, trials="trial").set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == ["speed[t]", "speed[t-1]"]
    np.testing.assert_array_equal(out["speed[t-1]"], [0, 0, 0, 2])
    bases = BasisFeatures(features.b_spline(4)).set_output(transform="pandas")
    assert list(bases.fit_transform(frame[["speed"]]).columns) == [f"speed[{i}]" for i in range(4)]


def test_a_basis_of_one_variable_is_evaluated_for_each_column():
    x = np.random.default_rng(0).uniform(size=(30, 2)) * [1, 50]
    basis = features.b_spline(6)
    ours = BasisFeatures(basis).fit(x)
    for i in range(2):
        wanted = basis.bounded(x[:, i]).evaluate(x[:, i])
        np.testing.assert_allclose(ours.transform(x)[:, 6 * i : 6 * i + 6], wanted)
    low, high = ours.bases_[1].bounds
    assert (low, high) == (x[:, 1].min(), x[:, 1].max())
    beyond = np.array([[5.0, -100.0]])  # of rows that were not fitted: as at the edge
    at = np.array([[x[:, 0].max(), low]])
    np.testing.assert_array_equal(ours.transform(beyond), ours.transform(at))


def test_a_basis_of_several_variables_takes_columns_by_name():
    direction = features.cyclic_spline(5, bounds=(0, 360), name="direction")
    basis = features.b_spline(4, name="speed") * direction
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"direction": random.uniform(0, 720, 40), "speed": random.uniform(0, 9, 40)}
    )
    ours = BasisFeatures(basis).fit(frame)
    wanted = basis.bounded(dict(frame)).evaluate(dict(frame))
    np.testing.assert_allclose(ours.transform(frame), wanted)
    assert list(ours.get_feature_names_out()) == list(ours.bases_[0].names)
    by_order = BasisFeatures(basis).fit_transform(frame[["speed", "direction"]].to_numpy())
    np.testing.assert_allclose(by_order, wanted)
    with pytest.raises(ValueError, match="columns of X are"):
        BasisFeatures(basis).fit(frame[["speed"]])


def test_filters_stop_at_the_edges_of_trials():
    counts = np.random.default_rng(0).poisson(1.0, size=(24, 2)).astype(float)
    trials = np.repeat([0.0, 1.0, 2.0], 8)
    basis = features.raised_cosine(3).filters(6)
    found = BasisFeatures(basis, trials=-1).fit_transform(np.column_stack([counts, trials]))
    wanted = [basis.evaluate(column, trials=trials) for column in counts.T]
    np.testing.assert_allclose(found, np.concatenate(wanted, axis=1))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda x: Lags(0).fit_transform(x), "count"),
        (lambda x: Lags(trials="trial").fit(x), "columns of X"),
        (lambda x: Lags(trials=7).fit(x), "X has 2"),
        (lambda x: Lags(trials=0).fit(x[:, :1]), "nothing to transform"),
        (lambda x: BasisFeatures().fit(np.ones((5, 1))), "column 'x0'"),
    ],
)
def test_what_cannot_be_is_named(made, told):
    with pytest.raises(ValueError, match=told):
        made(np.random.default_rng(0).normal(size=(9, 2)))


def test_they_compose():
    x = np.random.default_rng(0).uniform(size=(30, 2))
    both = make_column_transformer((BasisFeatures(), [0]), (Lags(3), [1]))
    steps = make_pipeline(both, Lags(2))
    assert steps.fit_transform(x).shape == (30, 2 * (5 + 3))
    assert steps[:-1].get_feature_names_out()[-1] == "lags__x1[t-2]"
