"""The default protocol: what is held out stays so, groups stay whole, gaps are kept."""

import numpy as np
import pytest

from jaxneuro.selection.protocol import protocol

SAMPLES = 60


def parts(found):
    """The held-out samples, the refit's training samples, and the inner folds (train, test)."""
    train, test = np.asarray(found.train)[0] > 0, np.asarray(found.test)[0] > 0
    return test[-1], train[-1], list(zip(train[:-1], test[:-1], strict=True))


GROUPS = np.repeat(np.arange(10), 6)
LABELS = np.tile([0, 0, 1, 2], 15)
TEST = np.isin(np.arange(SAMPLES), [3, 7, 20, 21, 22, 40, 59])
CASES = {
    "plain": {},
    "labels": {"labels": LABELS},
    "series": {"series": True, "gap": 3},
    "groups": {"groups": GROUPS},
    "groups in a series": {"groups": GROUPS, "series": True},
    "test": {"test": TEST},
    "test and labels": {"test": TEST, "labels": LABELS},
    "test in a series": {"test": TEST, "series": True, "gap": 2},
    "test of groups": {"test": GROUPS >= 8, "groups": GROUPS},
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_held_out_is_seen_before(name: str) -> None:
    held_out, refit, inner = parts(protocol(SAMPLES, **CASES[name]))
    assert held_out.any() and refit.any() and len(inner) == 5
    assert not (held_out & refit).any()
    for train, test in inner:
        assert train.any() and test.any() and not (train & test).any()
        assert not ((train | test) & ~refit).any()  # and so not of the held-out part
    tested = sum(test.astype(int) for _, test in inner)
    assert tested.max() == 1
    if "gap" not in CASES[name]:
        np.testing.assert_array_equal(held_out | refit, True)
        np.testing.assert_array_equal(tested, refit)


@pytest.mark.parametrize("name", [n for n in CASES if "test" in n.split()])
def test_the_authors_test_part_is_honoured(name: str) -> None:
    np.testing.assert_array_equal(parts(protocol(SAMPLES, **CASES[name]))[0], CASES[name]["test"])


@pytest.mark.parametrize("name", [n for n in CASES if "test" not in n])
def test_a_fifth_is_held_out(name: str) -> None:
    held_out, refit, inner = parts(protocol(SAMPLES, **CASES[name]))
    assert held_out.sum() == SAMPLES // 5
    for _, test in inner:
        assert abs(test.sum() - refit.sum() / 5) <= 6  # a group at most


@pytest.mark.parametrize("name", [n for n in CASES if "groups" in n])
def test_groups_are_never_split(name: str) -> None:
    held_out, refit, inner = parts(protocol(SAMPLES, **CASES[name]))
    for one, other in [(held_out, refit), *inner]:
        assert not set(GROUPS[one]) & set(GROUPS[other])


def distance(one: np.ndarray, other: np.ndarray) -> int:
    where, there = np.flatnonzero(one), np.flatnonzero(other)
    return int(np.abs(where[:, None] - there).min())


@pytest.mark.parametrize("gap", [0, 1, 4])
@pytest.mark.parametrize("given", [False, True])
def test_the_gap_is_kept_in_time(gap: int, given: bool) -> None:
    test = (np.arange(SAMPLES) >= 20) & (np.arange(SAMPLES) < 30) if given else None
    held_out, refit, inner = parts(protocol(SAMPLES, series=True, gap=gap, test=test))
    if not given:  # the end of the recording
        np.testing.assert_array_equal(held_out, np.arange(SAMPLES) >= 48)
    assert distance(held_out, refit) == gap + 1
    for train, part in inner:
        assert distance(train, part) >= gap + 1
    assert any(distance(train, part) == gap + 1 for train, part in inner)


def test_classes_are_kept_in_proportion() -> None:
    held_out, _, inner = parts(protocol(SAMPLES, labels=LABELS))
    np.testing.assert_array_equal(np.bincount(LABELS[held_out]), [6, 3, 3])
    for _, test in inner:
        assert np.all(np.abs(np.bincount(LABELS[test], minlength=3) - [4.8, 2.4, 2.4]) < 1)


def test_folds_and_seed() -> None:
    assert len(parts(protocol(SAMPLES, folds=3))[2]) == 3
    first, again, other = (protocol(SAMPLES, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train, again.train)
    assert not np.array_equal(first.train, other.train)


# Small and lopsided data: what can be had, and it is told.


def told(samples: int, says: list[str], **given):
    """The parts of a protocol that warns of just this, in this order, in the words of the data."""
    with pytest.warns(UserWarning) as caught:
        found = parts(protocol(samples, **given))
    assert len(caught) == len(says), [str(one.message) for one in caught]
    for one, expected in zip(caught, says, strict=True):
        assert expected in str(one.message)
        assert one.filename == __file__
    held_out, refit, inner = found
    assert held_out.any() and refit.any() and not (held_out & refit).any()
    for train, test in inner:
        assert train.any() and test.any() and not (train & test).any()
        assert not ((train | test) & ~refit).any()
    return found


ONE_VALUE = "groups has one value only: the samples are split without groups"


def test_groups_of_one_value_are_told_and_ignored() -> None:
    with pytest.warns(UserWarning, match=ONE_VALUE):
        found = protocol(SAMPLES, groups=np.zeros(SAMPLES))
    for one, other in zip(found[:2], protocol(SAMPLES)[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_groups() -> None:
    groups = np.array(["b"] * 8 + ["a"] * 4)
    says = ["groups has 2 values: whole ones are held out, 4 of 12 samples instead of a fifth",
            "groups has one value only outside the held-out part"]  # fmt: skip
    held_out, refit, inner = told(12, says, groups=groups)
    np.testing.assert_array_equal(held_out, groups == "a")  # the smaller, nearer to a fifth
    np.testing.assert_array_equal(refit, groups == "b")
    assert len(inner) == 5


def test_few_groups_have_fewer_folds() -> None:
    groups = np.arange(12) // 3
    says = ["groups has 4 values: whole ones are held out, 3 of 12",
            "groups has only 3 values outside the held-out part: 3 inner folds"]  # fmt: skip
    _, refit, inner = told(12, says, groups=groups)
    assert len(inner) == 3
    for train, test in inner:
        np.testing.assert_array_equal(train | test, refit)
        assert not set(groups[train]) & set(groups[test])


def test_a_giant_group_is_not_held_out() -> None:
    groups = np.repeat(np.arange(26), [35] + [1] * 25)
    held_out, _, _ = parts(protocol(SAMPLES, groups=groups))
    assert held_out.sum() == 7  # the rest is dealt to four folds


@pytest.mark.parametrize("samples", [3, 4, 5, 12])
def test_few_samples_have_fewer_folds(samples: int) -> None:
    left = samples - max(1, (samples + 4) // 5)
    if left < 5:
        says = [f"only {left} samples are outside the held-out part: {left} inner folds inst"]
        held_out, refit, inner = told(samples, says)
    else:
        held_out, refit, inner = parts(protocol(samples))
    assert (held_out.sum(), refit.sum(), len(inner)) == (samples - left, left, min(5, left))


def test_a_fifth_of_every_class_and_at_least_one() -> None:
    labels = np.repeat(["V1", "MT", "IT", "V4"], [13, 7, 2, 1])
    says = ["y: class V4 seen once: left out of every part",
            "y: class IT with one sample outside the held-out part: left out"]  # fmt: skip
    held_out, refit, inner = told(23, says, labels=labels)
    assert [int(held_out[labels == name].sum()) for name in ("V1", "MT", "IT", "V4")] == [
        3,
        1,
        1,
        0,
    ]
    np.testing.assert_array_equal(held_out | refit, labels != "V4")
    assert len(inner) == 5
    for train, test in inner:
        np.testing.assert_array_equal(train | test, refit & np.isin(labels, ["V1", "MT"]))
        assert all(test[labels == name].any() for name in ("V1", "MT"))
    with pytest.warns(UserWarning):
        other = parts(protocol(23, labels=labels, seed=1))[0]
    assert (other != held_out).any()


def test_classes_of_few_members_have_fewer_folds() -> None:
    labels = np.repeat(["V1", "MT"], [10, 4])
    says = ["y: class MT with only 3 samples outside the held-out part: 3 inner folds instead of 5"]
    _, _, inner = told(14, says, labels=labels)
    assert [int(test[labels == "MT"].sum()) for _, test in inner] == [1, 1, 1]


def test_classes_of_two_members_each() -> None:
    labels = np.arange(12) // 2
    held_out, refit, inner = told(12, ["fewer than two classes have two samples"], labels=labels)
    np.testing.assert_array_equal(np.bincount(labels[held_out]), np.ones(6))
    np.testing.assert_array_equal(np.bincount(labels[refit]), np.ones(6))
    assert len(inner) == 5


def test_a_given_test_part_leaves_few_of_a_class() -> None:
    labels = np.repeat(["V1", "MT", "IT", "V4"], [10, 10, 3, 2])
    test = np.isin(np.arange(25), [0, 1, 10, 20, 21, 23, 24])
    says = ["y: no sample of class V4 is left to fit, only to score", "y: class IT with one sample"]
    held_out, refit, inner = told(25, says, labels=labels, test=test)
    np.testing.assert_array_equal(held_out, test)
    np.testing.assert_array_equal(refit, ~test)
    assert len(inner) == 5 and not any((a | b)[22] for a, b in inner)


def test_a_given_test_part_leaves_one_group() -> None:
    groups = np.repeat(["a", "b"], 10)
    says = ["groups has one value only outside the held-out part: the inner folds divide it"]
    _, _, inner = told(20, says, groups=groups, test=groups == "a")
    assert len(inner) == 5


def test_a_short_series_has_narrower_gaps() -> None:
    says = ["12 samples are too few for a gap of 10 around the held-out part: the gap is 6",
            "gaps of 6 samples around the held-out part leave 4 of 10 samples to fit",
            "4 samples to fit are too few for gaps of 10 samples"]  # fmt: skip
    held_out, refit, inner = told(12, says, series=True, gap=10)
    np.testing.assert_array_equal(np.flatnonzero(held_out), [10, 11])
    np.testing.assert_array_equal(np.flatnonzero(refit), [0, 1, 2, 3])
    assert [np.flatnonzero(test).tolist() for _, test in inner] == [[0, 1], [2, 3]]
    assert [np.flatnonzero(train).tolist() for train, _ in inner] == [[3], [0]]


def test_a_series_with_room_for_fewer_folds() -> None:
    says = ["20 samples to fit are too few for 5 inner folds with gaps of 9 samples: 4 inner folds"]
    _, _, inner = told(36, says, series=True, gap=9)
    assert len(inner) == 4 and all(distance(train, test) > 9 for train, test in inner)


BAD = {
    "no samples": ({"samples": 2}, "samples is 2: it must be a whole number of at least 3"),
    "one fold": ({"folds": 1}, "folds is 1"),
    "short groups": ({"groups": [1, 2]}, r"groups has shape \(2,\): .* \(sample,\) = \(9,\)"),
    "missing group": ({"groups": [np.nan] + [0.0] * 8}, "groups has 1 missing values.*sample 0"),
    "missing label": ({"labels": np.array([None] + ["a"] * 8)}, "y has 1 missing values"),
    "one class": ({"labels": np.zeros(9)}, "y has one class only"),
    "classes seen once": ({"labels": np.arange(9)}, "y: of 9 classes fewer than two have two"),
    "short test": ({"test": [True]}, r"test has dtype bool and shape \(1,\)"),
    "indices": ({"test": np.arange(9)}, "test has dtype int64"),
    "no test": ({"test": np.zeros(9, bool)}, "test is False everywhere"),
    "all test": ({"test": np.arange(9) > 0}, "test holds out 8 of 9 samples"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_split_is_explained(name: str) -> None:
    given, says = BAD[name]
    with pytest.raises(ValueError, match=says):
        protocol(**{"samples": 9} | given)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_anything_small_is_split_or_explained_in_the_users_words() -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        samples = int(rng.integers(3, 16))
        draw = {
            "groups": rng.integers(0, rng.integers(1, 5), samples),
            "labels": rng.integers(0, rng.integers(2, 5), samples),
            "test": rng.random(samples) < 0.3,
        }
        given = {key: value for key, value in draw.items() if rng.random() < 0.5}
        series = bool(rng.random() < 0.3)
        try:
            found = protocol(samples, series=series, gap=3 * series, **given)
        except ValueError as error:
            assert str(error).startswith(("y", "test"))
            continue
        held_out, refit, inner = parts(found)
        assert held_out.any() and len(inner) >= 2
        for train, test in [(refit, held_out), *inner]:
            assert train.any() and test.any() and not (train & test).any()
