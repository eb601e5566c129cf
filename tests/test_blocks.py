"""Ridge searches of targets that lie on a disk: read, fitted and written a block at a time."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from jaxneuro import blocks, closed_form, splits
from jaxneuro.linear.banded_candidates import simplex

RIDGE = importlib.import_module("jaxneuro.linear.ridge_path")
SAMPLES, FEATURES, TARGETS = 60, 7, 1500
L2 = np.array([0.01, 0.3, 5.0])
FOLDS = splits.k_fold(SAMPLES, 3, within=np.arange(SAMPLES) != 5)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """x, y, and the path of y."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, FEATURES)) + 1
    y = x @ rng.normal(0, 0.3, (FEATURES, TARGETS)) + rng.normal(size=(SAMPLES, TARGETS))
    path = tmp_path_factory.mktemp("targets") / "y.npy"
    np.save(path, y.astype(np.float32))
    return x, y.astype(np.float32), path


@pytest.fixture(scope="module")
def whole(recording):
    x, y, _ = recording
    assert blocks.width_of(y, 0) == TARGETS
    return closed_form.ridge_search(x, y, FOLDS, L2)


@pytest.fixture
def small(monkeypatch) -> None:
    """Blocks of 512 targets."""
    monkeypatch.setattr(blocks, "_HELD", 512 * (24 * SAMPLES + 40 * FEATURES))


class Columns:
    """All that is asked of an array on disk, and what was read of it."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.read: list[int] = []

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("read as a whole")

    def __getitem__(self, key):
        rows, columns = key
        assert rows == slice(None) and columns.step is None
        self.read.append(columns.stop - columns.start)
        return self.values[key]


def same(found, expected) -> None:
    for given, alone in zip(found, expected, strict=True):
        np.testing.assert_array_equal(given, alone)


@pytest.mark.usefixtures("small")
def test_blocks_of_a_memory_map_have_the_bits_of_the_whole(recording, whole) -> None:
    x, y, path = recording
    same(closed_form.ridge_search(x, np.load(path, mmap_mode="r"), FOLDS, L2), whole)
    same(closed_form.ridge_search(x, y, FOLDS, L2), whole)
    fortran = np.asfortranarray(y)
    same(closed_form.ridge_search(x, fortran, FOLDS, L2), whole)


@pytest.mark.usefixtures("small")
def test_whatever_is_cut_by_columns(recording, whole, tmp_path) -> None:
    x, y, _ = recording
    columns = Columns(y)
    same(closed_form.ridge_search(x, columns, FOLDS, L2), whole)
    assert columns.read == [512] * 3  # once, and the last as wide as the others
    with h5py.File(tmp_path / "y.h5", "w") as file:
        stored = file.create_dataset("y", data=y, chunks=(SAMPLES, 100))
        same(closed_form.ridge_search(x, stored, FOLDS, L2), whole)


@pytest.mark.usefixtures("small")
def test_one_program_serves_all_blocks(recording) -> None:
    x, y, _ = recording
    x = np.repeat(x, 2, axis=1)  # shapes of this test alone
    before = RIDGE._fold_errors._cache_size(), RIDGE._fit_each._cache_size()
    closed_form.ridge_search(x, Columns(y[:, :1300]), FOLDS, L2)
    after = RIDGE._fold_errors._cache_size(), RIDGE._fit_each._cache_size()
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1]


@pytest.mark.usefixtures("small")
def test_kernels_go_to_a_file(recording, whole, tmp_path) -> None:
    x, _, path = recording
    y = np.load(path, mmap_mode="r")
    made = np.lib.format.open_memmap(tmp_path / "kernel.npy", "w+", np.float32, (FEATURES, TARGETS))
    found = closed_form.ridge_search(x, y, FOLDS, L2, out=made)
    assert found.kernel is made
    made.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "kernel.npy"), whole.kernel.astype("f"))
    np.testing.assert_array_equal(found.bias, whole.bias)
    scores = closed_form.ridge_search(x, y, FOLDS, L2, keep="scores")
    assert scores.kernel is None and scores.bias is None
    np.testing.assert_array_equal(scores.errors, whole.errors)
    np.testing.assert_array_equal(scores.l2, whole.l2)


@pytest.mark.usefixtures("small")
def test_a_bad_target_hurts_no_other(recording, whole) -> None:
    """Constant, silent, missing and infinite ones, in several blocks."""
    x, y, _ = recording
    y = y.copy()
    y[3, 10] = np.inf
    y[[4, 8], 1400] = np.inf, -np.inf
    y[:, 11] = 0.1
    y[:, 700] = np.nan
    y[:20, 701] = np.nan
    y[5] = np.inf  # outside of every fold
    with pytest.warns(UserWarning, match="infinite values in 2 of 1500 targets, the first is 10"):
        found = closed_form.ridge_search(x, Columns(y), FOLDS, L2)
    for given in found:
        assert np.isnan(given[..., [10, 700, 1400]]).all()
    assert found.l2[11] == 5 and not found.kernel[:, 11].any()
    alone = closed_form.ridge_search(x, y[:, [701]], FOLDS, L2)
    np.testing.assert_allclose(found.errors[:, 701], alone.errors[:, 0], rtol=1e-5)
    others = np.setdiff1d(np.arange(TARGETS), [10, 11, 700, 701, 1400])
    for given, expected in zip(found, whole, strict=True):
        np.testing.assert_array_equal(given[..., others], expected[..., others])
    with pytest.raises(ValueError, match=r"y must be finite or NaN"):  # seen before the work
        closed_form.ridge_search(x, y, FOLDS, L2)


@pytest.mark.usefixtures("small")
def test_shared_gaps_are_decomposed_once(recording, monkeypatch) -> None:
    x, y, _ = recording
    y = y.copy()
    y[:20, ::2] = np.nan
    expected = closed_form.ridge_search(x, y[:, :10], FOLDS, L2)
    count = []
    monkeypatch.setattr(RIDGE, "look_ahead", lambda *a: count.append(0) or LOOK_AHEAD(*a))
    found = closed_form.ridge_search(x, Columns(y), FOLDS, L2)
    assert len(count) == 2 * 3  # patterns × folds, in three blocks
    np.testing.assert_allclose(found.errors[:, :10], expected.errors, rtol=1e-4)
    np.testing.assert_allclose(found.kernel[:, :10], expected.kernel, rtol=1e-3, atol=1e-5)


LOOK_AHEAD = RIDGE.look_ahead


@pytest.mark.usefixtures("small", "hasty")
def test_banded_ridge_in_blocks(recording, tmp_path) -> None:
    x, y, path = recording
    bands, candidates = np.arange(FEATURES) % 2, simplex(2, 2)
    few = closed_form.banded_ridge_search(x, y, FOLDS, bands, candidates, L2)
    columns = Columns(y)
    found = closed_form.banded_ridge_search(x, columns, FOLDS, bands, candidates, L2)
    assert len(columns.read) > 1
    for given, expected in zip(found[1:], few[1:], strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
    made = np.zeros((FEATURES, TARGETS), np.float32)
    mapped = np.load(path, mmap_mode="r")
    found = closed_form.banded_ridge_search(x, mapped, FOLDS, bands, candidates, L2, out=made)
    assert found.kernel is made
    np.testing.assert_allclose(made, few.kernel, rtol=1e-4, atol=1e-5)
    scores = closed_form.banded_ridge_search(x, mapped, FOLDS, bands, candidates, L2, keep="scores")
    assert scores.kernel is None and scores.bias is None
    np.testing.assert_array_equal(scores.weights, found.weights)


def test_says_what_is_wrong(recording) -> None:
    x, y, _ = recording
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"keep": "best"}, "keep is 'best'"),
        ({"keep": "scores", "out": y}, "no kernels for out"),
        ({"out": y}, r"out \(60, 1500\) must be \(feature, target\) = \(7, 1500\)"),
    ]
    for given, told in wrong:
        with pytest.raises(ValueError, match=told):
            closed_form.ridge_search(x, y, FOLDS, L2, **given)


def test_pages_of_a_map_are_let_go(tmp_path, monkeypatch) -> None:
    """A few rows at a time, which changes nothing in them; a private map, which its pages alone
    may hold, is left as it is."""
    monkeypatch.setattr(blocks, "_MAPPED", 40)
    np.save(tmp_path / "y.npy", np.zeros((7, 5), np.float32))
    private = np.load(tmp_path / "y.npy", mmap_mode="c")
    private[:] = np.arange(5)
    assert [rows.start for rows in blocks._by_rows(private[:, :3])] == [None]
    assert (private == np.arange(5)).all() and blocks.held(private.copy())
    shared = np.load(tmp_path / "y.npy", mmap_mode="r+")
    shared[:] = np.arange(5)
    assert [rows.start for rows in blocks._by_rows(np.asarray(shared)[:, 1:])] == [0, 2, 4, 6]
    assert (shared == np.arange(5)).all() and not blocks.held(np.asarray(shared))
    used = np.arange(7) != 3
    found = [(at.start, block) for at, block in blocks.blocks(shared, used, 2)]
    assert [start for start, _ in found] == [0, 2, 3]
    for start, block in found:
        np.testing.assert_array_equal(block, shared[used, start : start + 2])


PROGRAM = """
import re, sys
import numpy as np
from jaxneuro import blocks, closed_form, splits

def peak():  # getrusage tells that of the process that started this one, where it was more
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

blocks._HELD, blocks._MAPPED = 2**24, 2**22
y = np.load(sys.argv[1], mmap_mode="r")
x = np.random.default_rng(0).normal(size=(len(y), 5))
folds = splits.k_fold(len(y), 2)
closed_form.ridge_search(x, y[:, :2048], folds, [0.1, 1.0], keep="scores")
before = peak()
closed_form.ridge_search(x, y, folds, [0.1, 1.0], keep="scores")
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak")
def test_memory_does_not_grow_with_the_targets(tmp_path) -> None:
    path = tmp_path / "y.npy"
    y = np.lib.format.open_memmap(path, "w+", np.float32, (300, 100_000))  # 120 MB
    y[:] = np.random.default_rng(0).normal(size=(300, 1))
    y.flush()
    del y
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert int(done.stdout) < 40e6, done.stdout
