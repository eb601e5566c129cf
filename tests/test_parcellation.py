"""Areas from the connections of other brains: no leak, nothing seen, probable, smooth."""

import json
import os

import numpy as np
import pytest

from jaxneuro import data
from jaxneuro.areas.fingerprints import connectome_fingerprints, fingerprints
from jaxneuro.areas.parcellation import parcellate

pytestmark = pytest.mark.usefixtures("hasty")
AREAS = np.array(["A1", "M1", "S1", "V1", "V2"])


def series(seed, places=12, time=200):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(time, 3)) @ rng.normal(size=(3, places))
            + rng.normal(size=(time, places)) for _ in range(3)]  # fmt: skip


def brains(seed, subjects=6, units=60, features=8, noise=1.0):
    """Fingerprints of five areas along a line of units, with a shift for each subject."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(5), units // 5)
    own = rng.normal(size=(5, features))
    shift = 0.3 * rng.normal(size=(subjects, 1, features))
    x = own[label] + shift + noise * rng.normal(size=(subjects, units, features))
    return x.astype(np.float32), AREAS[label]


def line(units):
    return [[j for j in (i - 1, i + 1) if 0 <= j < units] for i in range(units)]


@pytest.fixture(scope="module")
def found():
    x, labels = brains(0, noise=1.5)
    return x, labels, parcellate(x, labels, graph=line(60))


def test_fingerprints_are_fishers_z_of_correlations():
    data = series(0)
    made = fingerprints(data, range(4), range(4, 12))
    r = np.corrcoef(data[1].T)[:4, 4:]
    np.testing.assert_allclose(made[1], np.arctanh(r), rtol=1e-5)
    assert made.shape == (3, 4, 8)


def test_a_cluster_is_the_mean_of_its_members():
    data = series(0)
    made = fingerprints(data, [0, 1], [[4, 5, 6], [9]])
    z = (data[2] - data[2].mean(axis=0)) / data[2].std(axis=0)
    r = [np.corrcoef(z[:, 0], some)[0, 1] for some in (z[:, 4:7].mean(axis=1), z[:, 9])]
    np.testing.assert_allclose(made[2, 0], np.arctanh(r), rtol=1e-5)


def test_regression_fingerprints_are_ridge_weights_of_unit_length():
    from sklearn.linear_model import Ridge

    data = series(0)
    made = fingerprints(data, [0, 1], range(4, 12), kind="regression", strength=0.2)
    z = (data[0] - data[0].mean(axis=0)) / data[0].std(axis=0)
    exact = Ridge(alpha=0.2 * len(z), fit_intercept=False).fit(z[:, 4:], z[:, :2]).coef_
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    np.testing.assert_allclose(made[0], exact, rtol=1e-4, atol=1e-6)


def test_no_way_leads_to_a_units_own_connection():
    """Of any sets that share a place or a cluster, by whatever form they are given in."""
    data, connectome = series(1), np.ones((3, 12, 12))
    mask = np.arange(12) < 5
    clusters = np.repeat(["a", "b", "c", "d"], 3)
    for units, seeds in (
        ([0, 3], [3, 4]),
        (mask, ~mask | (np.arange(12) == 2)),
        ([5], [[1], [5, 6]]),
    ):
        with pytest.raises(ValueError, match="its connection to itself"):
            fingerprints(data, units, seeds)
    with pytest.raises(ValueError, match="its connection to itself"):
        connectome_fingerprints(connectome, range(12), range(12))
    with pytest.raises(ValueError, match="cluster b has units and seeds"):
        fingerprints(data, [0, 3], [[5], [8, 9]], clusters=clusters)
    with pytest.raises(ValueError, match="cluster a has units and seeds"):
        connectome_fingerprints(connectome, [0], [1, 8], clusters=clusters)
    copied = [np.concatenate([one, -one[:, :1]], axis=1) for one in data]
    with pytest.raises(ValueError, match=r"subject 0: unit at place 0 .* the same series"):
        fingerprints(copied, [0, 1], [4, 12])


def test_what_is_no_seed_changes_no_fingerprint():
    data = series(2)
    changed = [one.copy() for one in data]
    for one in changed:
        one[:, 1] = np.random.default_rng(9).normal(size=len(one))  # another unit
        one[:, 3] = np.nan  # neither
    first, again = (fingerprints(some, [0, 1], range(4, 12)) for some in (data, changed))
    np.testing.assert_array_equal(first[:, 0], again[:, 0])
    assert np.abs(first[:, 1] - again[:, 1]).max() > 0.05


def test_the_leak_that_is_refused_would_have_been_large():
    """Of areas without any fingerprint, the connection to oneself alone is right always."""
    rng = np.random.default_rng(0)
    whole = np.stack([np.corrcoef(rng.normal(size=(10, 100))) for _ in range(5)])
    leaky = np.where(np.eye(5, dtype=bool), 5, whole[:, :5, :5])
    with pytest.raises(ValueError, match=r"fingerprints \(5, 5, 5\) are connectomes .* seeds"):
        parcellate(leaky, AREAS, folds=2)
    told = leaky + 1e-3 * rng.normal(size=leaky.shape)  # no longer known for one
    assert parcellate(told, AREAS, folds=2).accuracy.mean() > 0.95
    honest = connectome_fingerprints(whole, range(5), range(5, 10))
    assert parcellate(honest, AREAS, folds=2).accuracy.mean() < 0.5  # chance .2


def test_areas_of_a_subject_left_out_are_found(found):
    _, labels, made = found
    assert made.accuracy.mean() > 0.75
    assert set(np.unique(made.individual.labels)) <= set(AREAS)
    assert (made.group.labels == labels).mean() > 0.9
    np.testing.assert_allclose(made.individual.probabilities.sum(axis=-1), 1, atol=1e-5)


def test_the_page_says_how_well_and_what_for_what(found, tmp_path):
    *_, made = found
    path = made.report(tmp_path / "page")
    summary = json.loads(path.with_name("summary.json").read_text())
    assert summary["score"] == pytest.approx(made.accuracy.mean())
    assert summary["baseline"] == pytest.approx(0.2)
    page = path.read_text()
    wrong = int((made.individual.labels != made.labels).sum())
    assert f"Most often confused, of {wrong} places" in page and "alt=" in page
    assert path.with_name("areas.png").exists() and path.with_name("subjects.png").exists()


def test_probabilities_mean_what_they_say(found):
    _, labels, made = found
    p, right = made.individual.probability, made.individual.labels == labels
    assert abs(p.mean() - right.mean()) < 0.08
    sure = ~made.individual.unsure
    assert right[sure].mean() > right[~sure].mean() + 0.15
    np.testing.assert_array_equal(sure, p >= 0.5)


def test_smoothing_is_chosen_where_neighbours_are_alike_and_not_elsewhere(found):
    x, labels, made = found
    assert min(choice["smoothing"] for choice in made.chosen) >= 2
    assert made.accuracy.mean() > parcellate(x, labels).accuracy.mean() + 0.05
    order = np.random.default_rng(0).permutation(60)
    mixed = parcellate(x[:, order], labels[order], graph=line(60))
    assert max(choice["smoothing"] for choice in mixed.chosen) == 0


def test_one_average_over_neighbours_is_what_numpy_says():
    x, labels = brains(1)
    plain = parcellate(x, labels, shrinkages=[0.3])
    once = parcellate(x, labels, shrinkages=[0.3], graph=line(60), smoothings=[1])
    hot, cold = plain.chosen[0]["temperature"], once.chosen[0]["temperature"]
    scores = np.log(plain.individual.probabilities[0]) * hot / cold
    by_hand = np.exp([scores[[i, *some]].mean(axis=0) for i, some in enumerate(line(60))])
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(once.individual.probabilities[0], by_hand, atol=1e-4)


def test_a_subject_never_shapes_its_own_labels(found):
    x, labels, made = found
    y = np.tile(labels, (6, 1))
    y[2] = y[2, ::-1]  # its own labels say something else
    again = parcellate(x, y, graph=line(60))
    np.testing.assert_array_equal(
        again.individual.probabilities[2], made.individual.probabilities[2]
    )
    assert again.chosen[2] == made.chosen[2]


def test_discriminants_are_scikit_learns():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x, labels = brains(3)
    made = parcellate(x, labels, shrinkages=[0.3])
    hot = made.chosen[0]["temperature"]
    scaled = (x[1:] - x[1:].mean(axis=(0, 1))) / x[1:].std(axis=(0, 1))
    one = (x[0] - x[1:].mean(axis=(0, 1))) / x[1:].std(axis=(0, 1))
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3)
    peer.fit(scaled.reshape(-1, 8), np.tile(labels, 5))
    scores = peer.decision_function(one) / hot
    exact = np.exp(scores - scores.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(made.individual.probabilities[0], exact, atol=2e-4)


def test_the_better_fingerprints_are_chosen_and_a_new_subject_is_labelled():
    x, labels = brains(4, subjects=7)
    noise = np.random.default_rng(0).normal(size=x[:6].shape)
    made = parcellate({"noise": noise, "good": x[:6]}, labels)
    assert {choice["candidate"] for choice in made.chosen} == {"good"}
    new = made.predict(x[6])
    assert (new.labels == labels).mean() > 0.75
    assert new.unsure.shape == labels.shape
    table = made.table()
    assert len(table["subject"]) == 6 and (table["candidate"] == "good").all()
    with pytest.raises(ValueError, match="finite"):
        made.predict(x[6, :3])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"x": np.ones((2, 60, 8))}, "3 subjects"),
        ({"x": np.full((3, 60, 8), np.nan)}, "must be finite"),
        ({"x": {"a": np.ones((3, 60, 8)), "b": np.ones((3, 59, 8))}}, "same subjects"),
        ({"labels": AREAS}, "labels are"),
        ({"labels": np.full(60, "A1")}, "2 classes"),
        ({"graph": line(59)}, "59 units"),
        ({"graph": [[99]] * 60}, "neighbour 99"),
        ({"shrinkages": [0.0]}, "from 0 to 1"),
        ({"folds": 1}, "from 2"),
    ],
)
def test_bad_input_is_told(options, told):
    x, labels = brains(0)
    with pytest.raises(ValueError, match=told):
        parcellate(**{"x": x, "labels": labels, **options})


def test_bad_series_are_told_by_subject():
    data = series(0)
    with pytest.raises(ValueError, match="subject 1"):
        fingerprints([data[0], data[1] * np.nan], [0], [4])
    with pytest.raises(ValueError, match="subject 1: one of 1"):
        fingerprints([data[0], data[1] * (np.arange(12) != 4)], [0], [4])
    with pytest.raises(ValueError, match="kind"):
        fingerprints(data, [0], [4], kind="partial")
    with pytest.raises(ValueError, match="12 places"):
        fingerprints(data, [0, 0], [4])


def recorded(read):
    from jaxneuro.data import DataUnavailable

    try:
        return read().arrays
    except DataUnavailable as error:
        if os.environ.get("JAXNEURO_REQUIRE_DATA") == "1":
            raise
        pytest.skip(str(error))


@pytest.mark.slow
def test_right_areas_of_a_person_left_out_from_their_correlations_with_left_ones():
    """Resting BOLD of seven people, 47 classes: a ridge classifier of correlations has .432."""
    pytest.importorskip("scipy")
    from jaxneuro import data

    arrays = recorded(lambda: data.resting_state("hcp"))
    left, right = np.arange(0, 94, 2), np.arange(1, 94, 2)
    x = {
        f"regression {strength}": fingerprints(
            arrays["bold"], right, left, kind="regression", strength=strength
        )
        for strength in (0.1, 0.3)
    }
    made = parcellate(x, arrays["region_names"][right].astype(str))
    assert made.accuracy.mean() >= 0.7
    right_ones, sure = made.individual.labels == made.labels, ~made.individual.unsure
    assert right_ones[sure].mean() > right_ones[~sure].mean() + 0.2


@pytest.mark.slow
def test_areas_of_a_mouse_left_out_from_their_connections_across():
    """Eight mice of 32, so that it takes less long; 166 classes."""
    from jaxneuro.data.connectomes import mouse_connectomes

    arrays = recorded(mouse_connectomes)
    connectome, region, side = (arrays[k] for k in ("connectome", "region", "hemisphere"))
    np.testing.assert_array_equal(connectome, connectome.transpose(0, 2, 1))
    assert connectome.shape == (32, 332, 332) and not np.diagonal(connectome, 0, 1, 2).any()
    assert len(np.unique(region)) == 332 and set(arrays["strain"]) == {"B6", "BTBR", "CAST", "DBA2"}
    x = connectome_fingerprints(np.log1p(connectome[::4]), side == 0, side == 1, clusters=region)
    made = parcellate(x, region[side == 0], shrinkages=[0.3, 0.1], folds=2)
    assert made.accuracy.mean() > 0.5


@pytest.mark.slow
def test_the_command_prints_what_it_found(tmp_path, capsys):
    from experiments import parcellation

    try:
        found = parcellation.main(["--quick", "--out", str(tmp_path)])
    except data.DataUnavailable as reason:
        pytest.skip(str(reason))
    assert json.loads((tmp_path / "summary.json").read_text()) == found
    assert "people" in capsys.readouterr().out
    assert found["people"]["accuracy"] > found["people"]["correlations"] > 0.45
    mice = found["mice"]
    assert mice["accuracy"] > 0.5 and mice["majority"] < 0.01
    assert mice["accuracy of the sure"] > mice["accuracy"]
