"""Many fits of targets on a disk: a block of them at a time, with what that may not change."""

from typing import Any

import h5py
import numpy as np
import pytest

from jaxneuro import (
    Status,
    axes,
    blocks,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    penalties,
    search,
    splits,
)
from jaxneuro.disk import fit_targets, search_targets
from jaxneuro.engine import programs

pytestmark = pytest.mark.usefixtures("hasty")
SAMPLES, FEATURES, TARGETS = 40, 3, 600
FIT = make_fit(models.linear(), losses.poisson, optimizers.lbfgs(), penalties.ridge())
AXES = [axes.folds(splits.k_fold(SAMPLES, 2)), *axes.grid(l2=[0.01, 0.1])]


@pytest.fixture(scope="module")
def counts() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, FEATURES)).astype(np.float32)
    rates = np.exp(x @ rng.normal(0, 0.3, (FEATURES, TARGETS)) + 1)
    return x, rng.poisson(rates).astype(np.float32)


@pytest.fixture(scope="module")
def whole(counts, hasty):
    return fit_many(FIT, make_inputs(*counts), [axes.targets(TARGETS), *AXES], lanes=64)


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    """Three blocks, the last of which overlaps."""
    monkeypatch.setattr(blocks, "_HELD", 300 * 12 * SAMPLES)


def same(found, expected, at: Any = slice(None)) -> None:
    assert (found.status[at] == expected.status[at]).mean() > 0.99  # rounding ends a few early
    layer, other = found.params["readout"], expected.params["readout"]
    np.testing.assert_allclose(layer["kernel"][at], other["kernel"][at], rtol=1e-3, atol=1e-4)
    ours, theirs = found.score()[at], expected.score()[at]
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_are_the_fits_of_the_whole(counts, whole, tmp_path) -> None:
    x, y = counts
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    found = fit_targets(FIT, x, mapped, AXES, lanes=64)
    assert found.shape == (TARGETS, 2, 2)
    same(found, whole)
    table, other = found.table(), whole.table()
    assert list(table) == list(other)
    for name in ("target", "fold", "l2"):
        np.testing.assert_array_equal(table[name], other[name])
    np.testing.assert_allclose(found.select(["l2"]).score, whole.select(["l2"]).score, rtol=1e-3)


def test_one_program_for_all_blocks_and_little_is_read(counts, whole, tmp_path) -> None:
    x, y = counts
    with h5py.File(tmp_path / "y.h5", "w") as file:
        stored = file.create_dataset("y", data=y.astype(np.int16), chunks=(SAMPLES, 100))
        before = len(programs._engines)
        found = fit_targets(FIT, x[:, :2], stored, AXES, lanes=64, keep="scores")
        assert len(programs._engines) - before <= 1 and found.params is None
        assert (found.status == Status.CONVERGED).mean() > 0.9


def test_a_bad_target_hurts_no_other(counts, whole) -> None:
    x, y = counts
    y = y.copy()
    y[3, 0] = np.inf
    y[4, 300] = -1
    y[5, 599] = np.inf
    y[:, 301] = np.nan
    with pytest.warns(UserWarning, match="bad_data"):  # of the first block, beforehand
        found = fit_targets(FIT, x, y, AXES, lanes=64)
    bad = [0, 300, 301, 599]
    assert (found.status[bad] == Status.BAD_DATA).all()
    same(found, whole, np.setdiff1d(np.arange(TARGETS), bad))


def test_a_run_resumes(counts, tmp_path, monkeypatch) -> None:
    x, y = counts
    expected = fit_targets(FIT, x, y, AXES, lanes=64)
    read, asked = blocks.read, []

    def broken(y, at):
        asked.append(at)
        if at.start >= 256:
            raise OSError("no such disk")
        return read(y, at)

    monkeypatch.setattr(blocks, "read", broken)
    with pytest.raises(OSError, match="no such disk"):
        fit_targets(FIT, x, y, AXES, lanes=64, out=tmp_path)
    monkeypatch.setattr(blocks, "read", read)
    found = fit_targets(FIT, x, y, AXES, lanes=64, out=tmp_path)
    np.testing.assert_array_equal(
        found.params["readout"]["kernel"], expected.params["readout"]["kernel"]
    )


NESTED = splits.nested(splits.blocks(SAMPLES, 2), lambda index: splits.blocks(len(index), 2))
GRID = axes.grid(l2=[0.01, 0.1, 1.0])


@pytest.mark.filterwarnings("ignore::jaxneuro.selection.EdgeOfGrid")
def test_a_search_is_the_search_of_the_whole(counts, tmp_path) -> None:
    x, y = counts
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    whole = search(FIT, make_inputs(x, y), [axes.targets(TARGETS)], NESTED, GRID, lanes=64)
    found = search_targets(FIT, x, mapped, NESTED, GRID, lanes=64)
    assert whole.selection is not None and found.selection is not None
    assert found.fits.shape == (TARGETS, 2)
    ours, theirs = found.selection.score, whole.selection.score
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    alike = found.selection.chosen == whole.selection.chosen
    assert alike.mean() > 0.99
    both = alike.all(axis=(1, 2))
    ours, theirs = found.predictions[:, both], whole.predictions[:, both]
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(found.observed, y)
    table, other = found.table(), whole.table()
    assert list(table) == list(other)
    np.testing.assert_array_equal(table["target"], other["target"])


@pytest.mark.filterwarnings("ignore::jaxneuro.selection.EdgeOfGrid")
def test_a_bad_target_hurts_no_search(counts, tmp_path) -> None:
    x, y = counts
    expected = search_targets(FIT, x, y, NESTED, GRID, lanes=64)
    spoiled = y.copy()
    spoiled[3, 300], spoiled[4, 599] = np.inf, -1
    found = search_targets(FIT, x, spoiled, NESTED, GRID, lanes=64, out=tmp_path)
    assert (found.fits.status[[300, 599]] == Status.BAD_DATA).all()
    rest = np.setdiff1d(np.arange(TARGETS), [300, 599])
    kernel, other = (f.fits.params["readout"]["kernel"][rest] for f in (found, expected))
    np.testing.assert_array_equal(kernel, other)
    again = search_targets(FIT, x, spoiled, NESTED, GRID, lanes=64, out=tmp_path)
    np.testing.assert_array_equal(again.fits.loss, found.fits.loss)
    listed = search_targets(FIT, x, y[:, :3].tolist(), NESTED, hyper={"l2": 0.1})
    assert listed.fits.shape == (3, 2)


def test_a_search_says_what_it_does_not_do(counts) -> None:
    x, y = counts
    with pytest.raises(ValueError, match="search_targets: condensed does not go with blocks"):
        search_targets(FIT, x, y, NESTED, GRID, condensed=True)
    with pytest.raises(ValueError, match="search_targets: the blocks of targets are its only"):
        search_targets(FIT, x, y, NESTED, GRID, axes=[axes.subjects(2)])


def test_says_what_is_wrong(counts) -> None:
    x, y = counts
    for changed, told in (
        ({"y": y[:, 0]}, r"must be numbers \(sample, target\)"),
        ({"y": y.astype(str)}, "must be numbers"),
        ({"axes": [axes.subjects(2)]}, "only outer axis"),
        ({"y": y[1:]}, "x has 40 samples and y has 39"),
        ({"x": x * np.nan}, "x has 120 values that are not finite"),
    ):
        with pytest.raises(ValueError, match=told):
            fit_targets(FIT, **{"x": x, "y": y, "axes": AXES, **changed})
