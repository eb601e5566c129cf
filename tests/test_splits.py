"""What every splitter keeps, whatever it splits; and what each promises besides."""

import re

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from jaxneuro import splits
from jaxneuro.splits import Splits

SAMPLES = 97
GROUPS = np.repeat([f"run {k}" for k in range(10)], [20, 3, 9, 15, 10, 10, 7, 8, 6, 9])
LABELS = np.random.default_rng(0).choice(["A1", "CA1", "V1"], p=[0.6, 0.3, 0.1], size=SAMPLES)
WITHIN = np.arange(SAMPLES) % 7 != 3

SPLITTERS = {
    "k_fold": lambda within: splits.k_fold(SAMPLES, 5, within=within),
    "k_fold, shuffled": lambda within: splits.k_fold(SAMPLES, 5, seed=1, within=within),
    "blocks": lambda within: splits.blocks(SAMPLES, 4, within=within),
    "blocks, gap": lambda within: splits.blocks(SAMPLES, 4, 3, 2, within=within),
    "leave_one_group_out": lambda within: splits.leave_one_group_out(GROUPS, within),
    "group_k_fold": lambda within: splits.group_k_fold(GROUPS, 4, within),
    "stratified": lambda within: splits.stratified(LABELS, 3, within=within),
}
every = pytest.mark.parametrize("split", SPLITTERS.values(), ids=SPLITTERS.keys())
either = pytest.mark.parametrize("within", [None, WITHIN], ids=["all", "within"])


def as_parts(made: Splits):
    """[(train indices, test indices)] as scikit-learn gives them."""
    return [(np.flatnonzero(a), np.flatnonzero(b)) for a, b in zip(*made[:2], strict=True)]


def assert_same_parts(made: Splits, expected):
    for (train, test), (train_expected, test_expected) in zip(
        as_parts(made), expected, strict=True
    ):
        np.testing.assert_array_equal(train, train_expected)
        np.testing.assert_array_equal(test, test_expected)


# What all keep.


@every
@either
def test_every_sample_is_tested_once_and_none_is_trained_on_too(split, within):
    made = split(within)
    assert made.train.dtype == made.test.dtype == np.float32
    assert made.train.shape == made.test.shape == (len(made.names), SAMPLES)
    assert len(set(made.names)) == len(made.names)
    assert set(np.unique([made.train, made.test])) == {0, 1}
    inside = np.ones(SAMPLES) if within is None else within
    np.testing.assert_array_equal(made.test.sum(axis=0), inside)
    assert not np.any(made.train * made.test)
    assert not np.any(made.train[:, inside == 0])


@every
@either
def test_the_same_arguments_give_the_same_folds(split, within):
    first, second = split(within), split(within)
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.test, second.test)


@pytest.mark.parametrize("name", sorted(set(SPLITTERS) - {"blocks, gap"}))
@either
def test_without_a_gap_all_else_is_trained_on(name, within):
    made = SPLITTERS[name](within)
    inside = np.ones(SAMPLES) if within is None else within
    np.testing.assert_array_equal(made.train + made.test, np.tile(inside, (len(made.names), 1)))


# k_fold and blocks.


def test_k_fold_is_that_of_sklearn():
    assert_same_parts(splits.k_fold(SAMPLES, 5), KFold(5).split(np.zeros(SAMPLES)))


def test_k_fold_within_splits_the_rest_evenly():
    sizes = splits.k_fold(SAMPLES, 5, seed=0, within=WITHIN).test.sum(axis=1)
    assert sizes.max() - sizes.min() <= 1


def test_k_fold_shuffles_by_seed():
    contiguous, first, second = (splits.k_fold(SAMPLES, 5, seed).test for seed in (None, 0, 1))
    assert (contiguous != first).any()
    assert (first != second).any()


def test_k_fold_leaves_one_out():
    np.testing.assert_array_equal(splits.k_fold(4, 4).test, np.eye(4))


def test_blocks_without_gap_are_k_fold():
    assert_same_parts(splits.blocks(SAMPLES, 5), KFold(5).split(np.zeros(SAMPLES)))


@pytest.mark.parametrize("per_fold", [1, 3])
@pytest.mark.parametrize("gap", [0, 1, 4])
@either
def test_gap_is_exactly_kept(gap, per_fold, within):
    made = splits.blocks(SAMPLES, 4, gap, per_fold, within)
    inside = np.ones(SAMPLES, bool) if within is None else within
    time = np.arange(SAMPLES)
    for train, test in as_parts(made):
        distance = np.abs(time[:, None] - test).min(axis=1)
        np.testing.assert_array_equal(train, np.flatnonzero(inside & (distance > gap)))


def test_blocks_are_dealt_in_turn():
    made = splits.blocks(12, 2, gap=1, blocks_per_fold=2)
    np.testing.assert_array_equal(made.test[0], [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(made.train[0], [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1])


# Groups and classes.


@pytest.mark.parametrize("name", ["leave_one_group_out", "group_k_fold"])
@either
def test_groups_are_never_split(name, within):
    for train, test in as_parts(SPLITTERS[name](within)):
        assert not set(GROUPS[train]) & set(GROUPS[test])


def test_leave_one_group_out_is_that_of_sklearn():
    made = splits.leave_one_group_out(GROUPS)
    assert_same_parts(made, LeaveOneGroupOut().split(GROUPS, groups=GROUPS))
    assert made.names == tuple(f"run {k}" for k in range(10))
    assert splits.leave_one_group_out([3, 3, 10, 1]).names == ("1", "3", "10")


def test_a_group_outside_is_no_fold():
    assert "run 2" not in splits.leave_one_group_out(GROUPS, GROUPS != "run 2").names


def test_group_k_fold_is_balanced():
    sizes = splits.group_k_fold(GROUPS, 4).test.sum(axis=1)
    expected = [len(test) for _, test in GroupKFold(4).split(GROUPS, groups=GROUPS)]
    assert sorted(sizes) == sorted(expected)
    assert sizes.max() - sizes.min() <= 5


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_stratified_keeps_proportions_and_sizes(folds):
    made = splits.stratified(LABELS, folds)
    _, label = np.unique(LABELS, return_inverse=True)
    for members in (made.test @ np.eye(3)[label]).T:
        assert members.max() - members.min() <= 1
    expected = [len(test) for _, test in StratifiedKFold(folds).split(LABELS, LABELS)]
    assert sorted(made.test.sum(axis=1)) == sorted(expected)


def test_stratified_shuffles_by_seed():
    first, second = (splits.stratified(LABELS, 3, seed).test for seed in (0, 1))
    assert (first != second).any()


def test_stratified_of_a_small_class_has_fewer_folds():
    labels = np.array(["V1"] * 9 + ["CA1"] * 3)
    with pytest.warns(UserWarning, match="class CA1 has only 3 members: 3 folds instead of 5"):
        made = splits.stratified(labels, 5)
    np.testing.assert_array_equal(made.test @ (labels == "CA1"), [1, 1, 1])
    np.testing.assert_array_equal(made.test @ (labels == "V1"), [3, 3, 3])
    np.testing.assert_array_equal(made.train + made.test, 1)


def test_stratified_leaves_out_a_class_seen_once():
    labels = np.array(["V1", "MT", "V1", "CA1", "CA1", "V1", "CA1"])
    with pytest.warns(UserWarning, match="class MT has a single member, and is left out"):
        made = splits.stratified(labels, 3)
    np.testing.assert_array_equal(made.train + made.test, np.tile(labels != "MT", (3, 1)))
    for name in ("V1", "CA1"):
        np.testing.assert_array_equal(made.test @ (labels == name), [1, 1, 1])
    with pytest.warns(UserWarning) as told:
        assert len(splits.stratified([0, 0, 1, 1, 2], 4).names) == 2
    assert [str(one.message) for one in told] == [
        "labels: class 2 has a single member, and is left out of all folds",
        "labels: class 0, 1 has only 2 members: 2 folds instead of 4",
    ]


# Folds of others.

FOREIGN = {
    "KFold": (KFold(4), None, None),
    "shuffled": (KFold(4, shuffle=True, random_state=0), None, None),
    "StratifiedKFold": (StratifiedKFold(3), LABELS, None),
    "GroupKFold": (GroupKFold(4), None, GROUPS),
    "StratifiedGroupKFold": (StratifiedGroupKFold(3), LABELS, GROUPS),
    "LeaveOneGroupOut": (LeaveOneGroupOut(), None, GROUPS),
    "TimeSeriesSplit": (TimeSeriesSplit(4, gap=2), None, None),
    "ShuffleSplit": (ShuffleSplit(3, random_state=0), None, None),
    "PredefinedSplit": (PredefinedSplit(np.arange(SAMPLES) % 4 - 1), None, None),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_splitters_of_sklearn(name):
    splitter, labels, groups = FOREIGN[name]
    expected = list(splitter.split(np.zeros((SAMPLES, 1)), labels, groups))
    made = splits.from_splitter(splitter, SAMPLES, labels, groups)
    assert_same_parts(made, [(np.sort(train), np.sort(test)) for train, test in expected])
    assert made.names == tuple(str(k) for k in range(len(expected)))
    assert made.train.dtype == np.float32
    given = splits.from_indices(splitter.split(np.zeros((SAMPLES, 1)), labels, groups), SAMPLES)
    np.testing.assert_array_equal(given.train, made.train)


def test_a_splitter_of_ones_own():
    class Halves:
        def split(self, x):
            half = np.arange(len(x)) < len(x) // 2
            return (half, ~half), (~half, half)

    made = splits.from_splitter(Halves(), 4)
    np.testing.assert_array_equal(made.test, [[0, 0, 1, 1], [1, 1, 0, 0]])
    np.testing.assert_array_equal(made.train, made.test[::-1])


def test_indices_drawn_twice_weigh_twice():
    made = splits.from_indices([([0, 0, 3], [1])], 5)
    np.testing.assert_array_equal(made.train, [[2, 0, 0, 1, 0]])
    np.testing.assert_array_equal(made.test, [[0, 1, 0, 0, 0]])


# Held out, and nested.


def test_holdout():
    made = splits.holdout(~WITHIN)
    assert made.names == ("holdout",)
    np.testing.assert_array_equal(made.train, [WITHIN])
    np.testing.assert_array_equal(made.test, [~WITHIN])
    made = splits.holdout([True, True, False, False], within=[True, False, True, False])
    np.testing.assert_array_equal(made.train, [[0, 0, 1, 0]])
    np.testing.assert_array_equal(made.test, [[1, 0, 0, 0]])


@pytest.mark.parametrize("name", SPLITTERS)
@either
def test_nested_does_not_leak(name, within):
    outer = SPLITTERS[name](within)
    made = splits.nested(outer, lambda index: splits.k_fold(len(index), 3, seed=0))
    assert made.names == outer.names
    assert made.train.shape == made.test.shape == (len(outer.names), 4, SAMPLES)
    assert made.train.dtype == made.test.dtype == np.float32
    search = made.train[:, :-1] + made.test[:, :-1]
    np.testing.assert_array_equal(search, np.repeat(outer.train[:, None], 3, axis=1))
    np.testing.assert_array_equal(made.test[:, :-1].sum(axis=1), outer.train)
    np.testing.assert_array_equal(made.train[:, -1], outer.train)
    np.testing.assert_array_equal(made.test[:, -1], outer.test)


def test_nested_keeps_groups_and_gaps():
    outer = splits.leave_one_group_out(GROUPS)
    made = splits.nested(outer, lambda index: splits.group_k_fold(GROUPS[index], 3))
    for train, test in zip(
        made.train.reshape(-1, SAMPLES), made.test.reshape(-1, SAMPLES), strict=True
    ):
        assert not set(GROUPS[train > 0]) & set(GROUPS[test > 0])
    outer = splits.blocks(SAMPLES, 4, gap=2)
    made = splits.nested(outer, lambda index: splits.blocks(len(index), 3, gap=2))
    for train, test in zip(
        made.train.reshape(-1, SAMPLES), made.test.reshape(-1, SAMPLES), strict=True
    ):
        assert np.abs(np.flatnonzero(train)[:, None] - np.flatnonzero(test)).min() > 2


def test_nested_calls_inner_with_sorted_indices_of_the_training_samples():
    outer, seen = splits.k_fold(SAMPLES, 4, seed=3, within=WITHIN), []

    def inner(index):
        seen.append(index)
        return splits.k_fold(len(index), 2)

    splits.nested(outer, inner)
    for index, train in zip(seen, outer.train, strict=True):
        np.testing.assert_array_equal(index, np.flatnonzero(train))


# Errors.

NESTED = splits.leave_one_group_out(["a", "a", "b", "b", "c", "c", "c"])
ERRORS = {
    "one fold": (lambda: splits.k_fold(9, 1), "folds must be an integer of at least 2, got 1"),
    "a part of a fold": (lambda: splits.k_fold(9, 2.5), "folds must be an integer"),  # pyright: ignore
    "more folds than samples": (
        lambda: splits.k_fold(4, 5),
        "folds = 5, but there are only 4 samples",
    ),
    "more folds than samples within": (
        lambda: splits.k_fold(4, 3, within=[True, True, False, False]),
        "folds = 3, but there are only 2 samples",
    ),
    "negative samples": (lambda: splits.k_fold(-1, 2), "samples must be an integer"),
    "integer mask": (lambda: splits.k_fold(3, 2, within=[1, 0, 1]), "within must be bool"),
    "short mask": (lambda: splits.k_fold(3, 2, within=[True, True]), "within must be bool"),
    "wide gap": (
        lambda: splits.blocks(20, 2, gap=10),
        "gap = 10 is too wide: fold 0 has no samples to train on",
    ),
    "wide gap in the middle": (
        lambda: splits.blocks(30, 3, gap=10),
        "gap = 10 is too wide: fold 1 has no samples to train on",
    ),
    "negative gap": (lambda: splits.blocks(20, 2, gap=-1), "gap must be"),
    "no blocks": (lambda: splits.blocks(20, 2, blocks_per_fold=0), "blocks_per_fold must be"),
    "too many blocks": (
        lambda: splits.blocks(20, 5, blocks_per_fold=5),
        "blocks_per_fold = 5: 5 folds of these need 25 blocks, but there are 20 samples",
    ),
    "one group": (lambda: splits.leave_one_group_out([1, 1]), "groups: at least 2"),
    "no groups": (lambda: splits.leave_one_group_out([]), "groups: at least 2"),
    "square groups": (lambda: splits.leave_one_group_out(np.eye(3)), "groups must be (sample,)"),
    "NaN group": (
        lambda: splits.group_k_fold([0, np.nan, 1, np.nan], 2),
        "groups has 2 missing values, the first at sample 1",
    ),
    "None group": (
        lambda: splits.leave_one_group_out(np.array(["a", "b", None])),
        "groups has 1 missing values, the first at sample 2",
    ),
    "more folds than groups": (
        lambda: splits.group_k_fold([0, 0, 1, 1], 3),
        "folds = 3, but there are only 2 groups",
    ),
    "one class": (lambda: splits.stratified([1, 1, 1], 2), "labels: at least 2 classes"),
    "rare classes": (
        lambda: splits.stratified(["V1", "CA1", "CA1", "CA1", "A1"], 2),
        "labels: at least 2 classes must have 2 members",
    ),
    "NaN label": (lambda: splits.stratified([0, 1, np.nan], 2), "labels has 1 missing values"),
    "mask of another length": (
        lambda: splits.stratified([0, 0, 1, 1], 2, within=[True]),
        "within must be bool (sample,) = (4,)",
    ),
    "no pairs": (lambda: splits.from_indices([], 4), "pairs holds no fold"),
    "no pair": (lambda: splits.from_indices([([0], [1], [2])], 4), "fold 0 is not a pair"),
    "numbers for pairs": (lambda: splits.from_indices([1, 2], 4), "fold 0 is not a pair"),  # pyright: ignore
    "a large index": (
        lambda: splits.from_indices([([0], [1]), ([0], [4])], 4),
        "the test part of fold 1 has index 4, which is not one of 4 samples",
    ),
    "a negative index": (lambda: splits.from_indices([([-1], [1])], 4), "fold 0 has index -1"),
    "real indices": (lambda: splits.from_indices([([0.5], [1])], 4), "has dtype float64"),
    "a mask too short": (lambda: splits.from_indices([([True], [1])], 4), "has dtype bool"),
    "a fold without train": (
        lambda: splits.from_indices([([], [1])], 4),
        "pairs: fold 0 has no samples to train on",
    ),
    "overlapping pairs": (
        lambda: splits.from_indices([([0, 1], [1])], 4),
        "pairs: fold 0 tests samples that it trains on",
    ),
    "no splitter": (lambda: splits.from_splitter("5", 4), "splitter is '5': it needs a method"),
    "a class of splitters": (lambda: splits.from_splitter(KFold, 4), "it needs a method split"),
    "groups not given": (
        lambda: splits.from_splitter(GroupKFold(2), 4),
        "GroupKFold.split: The 'groups' parameter should not be None. (not given: labels and gr",
    ),
    "labels not given": (
        lambda: splits.from_splitter(StratifiedKFold(2), 4),
        "(not given: labels and groups)",
    ),
    "too many folds of sklearn": (
        lambda: splits.from_splitter(KFold(5), 4),
        "KFold.split: Cannot have number of splits n_splits=5",
    ),
    "integer test": (lambda: splits.holdout([0, 1]), "test must be bool"),
    "nothing to test": (
        lambda: splits.holdout([False, False]),
        "test or within: fold holdout has no samples to test",
    ),
    "nothing to train on": (
        lambda: splits.holdout([True, False], within=[True, False]),
        "test or within: fold holdout has no samples to train on",
    ),
    "inner fails": (
        lambda: splits.nested(NESTED, lambda index: splits.k_fold(len(index), 5)),
        "inner, within outer fold c: folds = 5, but there are only 4 samples",
    ),
    "inner of full length": (
        lambda: splits.nested(NESTED, lambda index: splits.k_fold(7, 2)),
        "inner, within outer fold a: train (2, 7) and test (2, 7) must be",
    ),
    "inner varies": (
        lambda: splits.nested(NESTED, lambda index: splits.k_fold(len(index), len(index) - 2)),
        "same number of folds; got 3 in fold a, 3 in fold b, 2 in fold c",
    ),
    "inner overlaps": (
        lambda: splits.nested(
            NESTED, lambda i: Splits(*np.ones((2, 1, len(i)), np.float32), names=("all",))
        ),
        "splits given by inner: fold all tests samples that it trains on",
    ),
}


@pytest.mark.parametrize(("call", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_errors_name_the_argument_and_the_fold(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_what_lies_outside_is_not_looked_at():
    labels = np.array([0, 1, 0, 1, np.nan])
    made = splits.stratified(labels, 2, within=~np.isnan(labels))
    np.testing.assert_array_equal(made.test.sum(axis=0), [1, 1, 1, 1, 0])
