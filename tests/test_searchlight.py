"""Searchlights: against a loop over scikit-learn's classifiers, and what must not be."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from jaxneuro import areas, splits, statistics
from jaxneuro.areas import sweep
from jaxneuro.areas.cells import cells_of
from jaxneuro.areas.searchlight import exchanged
from jaxneuro.classify.epochs import folds_of

SLOW = pytest.mark.slow
RUNS, CLASSES = 4, 3
NAMES = np.array(["face", "house", "shoe"])
MASK = np.ones((4, 4, 3), bool)
MASK[0, 0] = MASK[3, 3, 2] = False
SPHERES = areas.spheres(MASK, 3.0, 4.5)
VOXELS = int(MASK.sum())


def recording(samples=15, seed=0):
    """x (sample, voxel) with patterns of the classes in its first half; labels, runs, and an
    offset and a scale of each voxel."""
    rng = np.random.default_rng(seed)
    run = np.repeat(np.arange(RUNS), samples)
    y = np.concatenate([rng.permutation(np.arange(samples) % CLASSES) for _ in range(RUNS)])
    x = rng.normal(size=(len(y), VOXELS))
    pattern = rng.normal(size=(CLASSES, VOXELS)) * (np.arange(VOXELS) < VOXELS // 2)
    x = x + 0.8 * pattern[y] + rng.normal(size=(RUNS, VOXELS))[run]
    return (x * rng.uniform(0.5, 20, VOXELS) + 5).astype(np.float32), y, run


X, Y, RUN = recording()
FOLDS = splits.leave_one_group_out(RUN)
TRAINED = int(FOLDS.train[0].sum())


class Correlation:
    def fit(self, x, y):
        self.means = np.stack([x[y == c].mean(axis=0) for c in np.unique(y)])
        return self

    def predict(self, x):
        return np.corrcoef(x, self.means)[: len(x), len(x) :].argmax(axis=1)


CASES = {
    "ridge": ({"l2": 0.3}, lambda n: RidgeClassifier(alpha=0.3 * n)),
    "lda": (
        {"shrinkage": 0.2}, lambda n: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2)
    ),
    "max_correlation": ({}, lambda n: Correlation()),
}  # fmt: skip
ANEW = {
    "lda": ({}, lambda n: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
    "logistic": (
        {"l2": 0.5},
        lambda n: LogisticRegression(C=1 / (0.5 * 2 / 9 * n), max_iter=1000, tol=1e-7),
    ),
}


def by_hand(make, x=X, y=Y, folds=FOLDS, spheres=SPHERES):
    """(fold, centre) accuracies, one fit after the other."""
    found = np.zeros((len(folds.names), len(spheres)))
    for k, (train, test) in enumerate(zip(folds.train > 0, folds.test > 0, strict=True)):
        mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
        z = (x - mean) / np.where(deviation > 0, deviation, 1)
        for centre, members in enumerate(spheres.lists()):
            model = make(int(train.sum())).fit(z[train][:, members], y[train])
            found[k, centre] = (model.predict(z[test][:, members]) == y[test]).mean()
    return found


def close(found, expected, samples=15):
    """Equal but for a sample here and there that lies between two classes, to rounding."""
    assert found.shape == expected.shape
    assert (np.abs(found - expected) > 1e-6).mean() < 0.01
    assert np.abs(found - expected).max() < 1.5 / samples


@pytest.fixture(scope="module")
def ridge():
    return areas.searchlight(X, NAMES[Y], FOLDS, SPHERES, l2=0.3, permutations=30, groups=RUN)


@pytest.mark.parametrize("decoder", CASES)
def test_is_a_loop_over_centres_and_folds(decoder):
    options, make = CASES[decoder]
    found = areas.searchlight(X, NAMES[Y], FOLDS, SPHERES, decoder, **options)
    expected = by_hand(make)
    close(found.by_fold, expected)
    np.testing.assert_allclose(found.accuracy, found.by_fold.mean(axis=0), atol=1e-6)
    assert (found.classes == NAMES).all() and found.folds == FOLDS.names
    assert (found.sizes == SPHERES.counts).all() and found.p is None and found.null is None
    assert found.accuracy[: VOXELS // 4].mean() > 0.6 > 0.45 > found.accuracy[-VOXELS // 4 :].mean()


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ANEW)
def test_fitted_anew_is_the_same_loop(decoder):
    options, make = ANEW[decoder]
    given = (X, NAMES[Y], FOLDS, SPHERES, decoder)
    found = areas.searchlight(*given, **options, permutations=1, groups=RUN)
    close(found.by_fold, by_hand(make))
    for order, known in zip(orders(1), found.null_maps, strict=True):
        close(known, by_hand(make, y=order).mean(axis=0))


def orders(count, **blocks):
    outer, _ = folds_of(FOLDS, Y, RUN, False)
    return exchanged(Y.astype(np.int32), outer, RUN, blocks.get("blocks"), count, 0)


@pytest.mark.parametrize("decoder", ["ridge", "max_correlation", pytest.param("lda", marks=SLOW)])
def test_null_is_the_map_of_permuted_labels(decoder):
    options, make = CASES[decoder]
    found = areas.searchlight(X, Y, FOLDS, SPHERES, decoder, **options, permutations=30, groups=RUN)
    for order, known in list(zip(orders(30), found.null_maps, strict=True))[::10]:
        assert (np.sort(order.reshape(RUNS, -1)) == np.sort(Y.reshape(RUNS, -1))).all()
        close(known, by_hand(make, y=order).mean(axis=0))


def test_p_is_of_the_maximum_over_centres(ridge):
    null = ridge.null_maps.astype(float)
    np.testing.assert_allclose(ridge.null, null.max(axis=1), rtol=1e-6)
    rounded, maps = np.round(ridge.accuracy * 60), np.round(null * 60)
    np.testing.assert_allclose(ridge.p, statistics.family_wise(rounded, maps))
    np.testing.assert_allclose(ridge.p_alone, statistics.p_values(rounded, maps))
    assert ridge.p[: VOXELS // 4].min() == 1 / 31 and ridge.p[-5:].min() > 0.05
    table = ridge.table()
    assert set(table) == {"centre", "members", "accuracy", "p", "p_alone"}
    assert "34 centres" not in repr(ridge) and f"{VOXELS} centres" in repr(ridge)


def test_blocks_of_centres_and_permutations_change_nothing(ridge, monkeypatch):
    monkeypatch.setattr(sweep, "_STORED", 2**17)
    monkeypatch.setattr(sweep, "_MOST", 8)
    assert len(sweep.blocks_of(SPHERES, 60)) > 2
    again = areas.searchlight(X, NAMES[Y], FOLDS, SPHERES, l2=0.3, permutations=30, groups=RUN)
    np.testing.assert_array_equal(np.sort(sweep.blocks_of(SPHERES, 60).ravel())[-VOXELS:],
                                  np.arange(VOXELS))  # fmt: skip
    close(again.accuracy, ridge.accuracy, 60)
    close(again.null_maps, ridge.null_maps, 60)


@pytest.mark.parametrize(
    "folds", ["drawn twice", *(pytest.param(name, marks=SLOW) for name in ("gap", "random"))]
)
def test_any_folds(folds):
    made = {
        "gap": splits.blocks(60, 4, gap=3),
        "random": splits.from_indices(
            [np.split(np.random.default_rng(k).permutation(60)[:55], [40]) for k in range(4)], 60
        ),
        "drawn twice": splits.from_indices(
            [(np.repeat(np.flatnonzero(k != RUN), 2), k == RUN) for k in range(RUNS)], 60
        ),
    }[folds]  # fmt: skip
    parts = list(cells_of(made))
    assert sorted(np.concatenate([k for k, _ in parts])) == [0, 1, 2, 3]
    for k, cells in parts:
        rebuilt = np.zeros((len(k), 60))
        for c, (place, inside) in enumerate(zip(cells.place, cells.inside, strict=True)):
            rebuilt[:, place[inside > 0]] = cells.weight[:, c : c + 1]
        np.testing.assert_array_equal(rebuilt, made.train[k])
    found = areas.searchlight(X, Y, made, SPHERES, l2=0.3)
    expected = by_hand(lambda n: RidgeClassifier(alpha=0.3 * n), folds=made)
    close(found.by_fold, expected)


def test_a_run_of_another_scale_harms_no_fold_that_leaves_it_out():
    far = X.copy()
    far[RUN == 2] = far[RUN == 2] * 1e3 + 1e4
    found = areas.searchlight(far, Y, FOLDS, SPHERES, l2=0.3)
    close(found.by_fold[2], by_hand(CASES["ridge"][1], far)[2])


def test_a_bad_voxel_is_as_if_not_there(ridge):
    bad = X.copy()
    bad[7, 3], bad[:, 10] = np.nan, 2.0
    with pytest.warns(UserWarning, match="1 of .* voxels .* the first is voxel 3"):
        found = areas.searchlight(bad, Y, FOLDS, SPHERES, l2=0.3)
    without = [np.setdiff1d(some, [3, 10]) for some in SPHERES.lists()]
    expected = areas.searchlight(X, Y, FOLDS, areas.from_lists(without), l2=0.3)
    assert np.isnan(found.accuracy[3]) and np.isnan(found.by_fold[:, 3]).all()
    others = np.arange(VOXELS) != 3
    close(found.accuracy[others], expected.accuracy[others], 60)
    unused = np.where((np.arange(60) == 7)[:, None], np.nan, X)
    folds = splits.leave_one_group_out(RUN, within=np.arange(60) != 7)
    assert np.isfinite(areas.searchlight(unused, Y, folds, SPHERES).accuracy).all()


@pytest.mark.parametrize(
    "decoder", ["max_correlation", *(pytest.param(name, marks=SLOW) for name in ("ridge", "lda"))]
)
def test_a_sphere_of_what_does_not_vary_is_undefined(decoder):
    flat = X.copy()
    flat[:, :2] = 1.0
    lists = [[0], [0, 1], [0, 5], [7]]
    found = areas.searchlight(
        flat, Y, FOLDS, areas.from_lists(lists), decoder, shrinkage=0.2, permutations=3
    )
    assert (np.isnan(found.accuracy) == [True, True, False, False]).all()
    assert (np.isnan(found.p) == np.isnan(found.accuracy)).all()
    assert np.isfinite(found.null).all()


def test_blocks_change_places_as_a_whole():
    block = np.repeat(np.arange(20), 3)
    labels = (np.arange(20) % 5 % 3)[block].astype(np.int32)
    outer, _ = folds_of(FOLDS, labels, RUN, False)
    drawn = exchanged(labels, outer, RUN, block, 50, 0)
    assert (drawn.reshape(50, 20, 3) == drawn[:, ::3, None]).all()
    runs = np.sort(drawn.reshape(50, RUNS, -1))
    assert (runs == np.sort(labels.reshape(RUNS, -1))).all() and len(np.unique(drawn, axis=0)) > 40
    with pytest.raises(ValueError, match="has samples of more than one label"):
        exchanged(Y.astype(np.int32), outer, RUN, np.zeros(60), 1, 0)
    with pytest.raises(ValueError, match="more than one group"):
        exchanged(np.zeros(60, np.int32), outer, RUN, np.zeros(60), 1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X[:-1]}, "x has 59 samples and y has 60"),
        ({"x": X[:, :, None]}, "it must be numbers .sample, voxel."),
        ({"x": X[:, :-1]}, "neighbours have voxel"),
        ({"decoder": "svm"}, "decoder is 'svm': one of 'ridge'"),
        ({"l2": 0.0}, "l2 is 0.0: it must be above 0"),
        ({"l2": [0.1, 1.0]}, "l2 is a list"),
        ({"decoder": "lda", "shrinkage": 2}, "shrinkage is 2"),
        ({"permutations": -1}, "permutations is -1"),
        ({"blocks": np.zeros(3), "permutations": 1}, "blocks is .3,."),
        ({"groups": np.zeros(3)}, "groups is .3,."),
        ({"y": np.where(RUN == 0, 3, Y)}, "fold 0 has no training sample of class|fold 0 has no"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"x": X, "y": Y, "splits": FOLDS, "neighbours": SPHERES, **change}
    with pytest.raises(ValueError, match=message):
        areas.searchlight(**given)
