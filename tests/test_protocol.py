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
