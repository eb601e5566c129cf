"""Each kind of leak is made, found and named; sound data are passed in silence."""

import time

import numpy as np
import pytest

from jaxneuro import splits
from jaxneuro.selection.leakage import (
    copies,
    leaks,
    short_gaps,
    split_groups,
    target_features,
    unscored,
)

SAMPLES = 120


def data(features=6, targets=3, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(SAMPLES, features)), rng.normal(size=(SAMPLES, targets))
    return x.astype(dtype), y.astype(dtype)


def contiguous(gap=0, samples=SAMPLES):
    return splits.nested(
        splits.blocks(samples, 3, gap=gap), lambda index: splits.blocks(len(index), 2, gap=gap)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16])
def test_sound_data_pass_in_silence(dtype):
    x, y = data(dtype=np.float64)
    x, y = (x * 1000).astype(dtype), (y * 1000).astype(dtype)
    test = np.arange(SAMPLES) < SAMPLES // 3
    found = leaks(
        x, y, contiguous(gap=5), groups=np.arange(SAMPLES), lags=5, test=test,
        trials=np.arange(SAMPLES) // 10,
    )  # fmt: skip
    assert found == []


class TestCopies:
    @pytest.mark.parametrize("features", [1, 3, 6])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
    def test_are_found_on_both_sides_only(self, features, dtype):
        x, y = data(features, dtype=np.float64)
        x, y = (x * 30).astype(dtype), y.astype(np.float32)
        if dtype == np.int8:
            x[:, 0] = np.arange(SAMPLES)
        x[3], y[3] = x[110], y[110]
        (told,) = copies(x, y, splits.k_fold(SAMPLES, 3))
        assert told.startswith("x, y: 1 samples that fold 0 scores")
        assert "sample 3 is sample 110" in told and "1 more folds" in told
        x[3], y[3] = x[4], y[4]  # side by side: always in the same part
        x[110] += 1
        assert copies(x, y, splits.k_fold(SAMPLES, 3)) == []

    def test_one_bit_is_another_sample(self):
        x, y = data()
        x[3], y[3] = x[110], y[110]
        x[3, 2] = np.nextafter(x[3, 2], np.float32(9))
        assert copies(x, y, splits.k_fold(SAMPLES, 3)) == []

    def test_nested_folds_have_names(self):
        x, y = data()
        x[3], y[3] = x[30], y[30]  # of one outer fold, and of two inner ones
        folds = splits.nested(splits.blocks(SAMPLES, 3), lambda i: splits.blocks(len(i), 4))
        (told,) = copies(x, y, folds)
        assert "that fold 1, inner 0, scores" in told and "3 more folds" in told

    def test_a_design_that_repeats_is_no_leak(self):
        rng = np.random.default_rng(0)
        kind = rng.integers(0, 8, SAMPLES)
        x = np.eye(8, dtype=np.float32)[kind]
        y = rng.poisson(1.0, (SAMPLES, 1)).astype(np.float32)  # equal by chance, often
        assert copies(x, y, splits.k_fold(SAMPLES, 3)) == []
        assert copies(np.zeros((SAMPLES, 3)), np.zeros(SAMPLES), splits.k_fold(SAMPLES, 3)) == []

    def test_labels_and_images(self):
        x, _ = data(12)
        labels = np.array(["cat", "dog"])[np.arange(SAMPLES) % 2]
        x[0] = x[SAMPLES - 2]
        images = x.reshape(SAMPLES, 3, 4)
        assert "sample 0 is sample 118" in copies(images, labels, splits.k_fold(SAMPLES, 3))[0]


def test_groups_on_both_sides():
    groups = np.array([f"run {i // 25}" for i in range(SAMPLES)])
    (told,) = split_groups(groups, splits.k_fold(SAMPLES, 3))
    assert told.startswith("groups: fold 0 fits some samples and scores others")
    assert "group_k_fold" in told and "2 more folds" in told
    assert split_groups(groups, splits.group_k_fold(groups, 3)) == []
    outer = splits.leave_one_group_out(groups)
    inner = splits.nested(outer, lambda index: splits.k_fold(len(index), 2, seed=0))
    assert "inner 0" in split_groups(groups, inner)[0]


class TestGaps:
    @pytest.mark.parametrize("gap", [0, 3, 4, 9])
    def test_must_be_as_long_as_the_lags(self, gap):
        found = short_gaps(splits.blocks(SAMPLES, 3, gap=gap), 4)
        assert (found == []) == (gap >= 4)
        if found:
            assert f"fits samples {gap + 1} from those that it scores" in found[0]
            assert "gap=4" in found[0] and "reaches 4 samples" in found[0]

    def test_inner_folds_and_shuffled_ones(self):
        assert "inner" in short_gaps(
            splits.nested(splits.blocks(SAMPLES, 3, 5), lambda i: splits.blocks(len(i), 2)), 5
        )[0]  # fmt: skip
        assert short_gaps(splits.k_fold(SAMPLES, 3, seed=0), 2)

    def test_trials_end_the_reach_of_lags(self):
        trials = np.arange(SAMPLES) // 40
        assert short_gaps(splits.blocks(SAMPLES, 3), 10)
        assert short_gaps(splits.blocks(SAMPLES, 3), 10, trials) == []
        assert short_gaps(splits.blocks(SAMPLES, 3), 10, np.arange(SAMPLES) // 60)


class TestTargetFeatures:
    @pytest.mark.parametrize(("scale", "offset"), [(1, 0), (-2.5, 1e3), (1e-13, 0), (3, -7)])
    def test_are_found_whatever_their_unit(self, scale, offset):
        x, y = data(dtype=np.float64)
        y[:, 1] = scale * x[:, 4] + offset
        (told,) = target_features(x, y)
        assert told.startswith("y: target 1 is feature 4 of x")

    def test_with_missing_values_and_sparse_counts(self):
        x, y = data()
        x[:, 2] = np.random.default_rng(0).poisson(0.1, SAMPLES)
        y[:, 0], y[:, 2] = x[:, 2], x[:, 5]
        y[::7, 0], y[3:9, 2] = np.nan, np.nan
        (told,) = target_features(x, y)
        assert "target 0 is feature 2" in told and "1 more targets" in told

    def test_correlated_is_not_the_same(self):
        x, y = data(dtype=np.float64)
        y[:, 1] = x[:, 4] + 0.02 * y[:, 1]
        x[:, 0], y[:, 0] = 1, 2  # constants
        assert target_features(x, y) == []
        assert target_features(x, np.array(["a", "b"])[np.arange(SAMPLES) % 2]) == []

    def test_of_labels(self):
        x, _ = data()
        x[:, 1] = np.arange(SAMPLES) % 3
        assert "target 0 is feature 1" in target_features(x, np.arange(SAMPLES) % 3)[0]


def test_test_that_is_never_scored():
    test = np.arange(SAMPLES) >= 100
    assert unscored(test, splits.holdout(test)) == []
    rest = splits.blocks(SAMPLES, 2, within=~test)
    (told,) = unscored(test, rest)
    assert "test marks 20 samples, of which none are ever scored (sample 100 is not)" in told
    some = splits.holdout(np.arange(SAMPLES) >= 110, within=np.arange(SAMPLES) >= 50)
    assert "of which 10 are ever scored" in unscored(test, some)[0]
    inner = splits.nested(splits.holdout(test), lambda index: splits.k_fold(len(index), 2))
    assert unscored(test, inner) == []


def test_all_at_once_the_gravest_first():
    x, y = data()
    y[:, 0] = x[:, 0]
    x[3], y[3] = x[110], y[110]
    test = np.arange(SAMPLES) >= 100
    found = leaks(
        x, y, splits.blocks(SAMPLES, 3, within=~test), groups=np.zeros(SAMPLES), lags=4, test=test
    )
    assert [told.split()[0] for told in found] == ["y:", "groups:", "x", "test"]


def test_large_recordings_take_no_time():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((35_000, 500), np.float32)
    y = rng.standard_normal((35_000, 50), np.float32)
    folds = contiguous(gap=10, samples=35_000)
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        assert leaks(x, y, folds, groups=np.arange(35_000), lags=10) == []
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 1.5  # 0.2 s on two idle cores
