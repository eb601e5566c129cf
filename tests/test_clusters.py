"""Clusters: against scipy's labels, and sizes against those of null maps."""

import csv

import numpy as np
import pytest
from scipy import ndimage

from jaxneuro import areas

MASK = np.random.default_rng(5).random((9, 8, 6)) < 0.85
COUNT = int(MASK.sum())


def smooth(seed, maps=1):
    noise = np.random.default_rng(seed).normal(size=(maps, *MASK.shape))
    return np.stack([ndimage.gaussian_filter(one, 1.0)[MASK] for one in noise]) * 5


def by_scipy(values, threshold):
    volume = np.zeros(MASK.shape, bool)
    volume[MASK] = values > threshold
    labels, count = ndimage.label(volume)
    return labels[MASK], np.bincount(labels[MASK], minlength=count + 1)[1:]


def test_are_those_of_scipy():
    values = smooth(0)[0]
    found = areas.clusters(values, 0.5, MASK)
    labels, sizes = by_scipy(values, 0.5)
    assert len(found) > 3 and list(found.sizes) == sorted(sizes, reverse=True)
    pairs = np.unique(np.stack([labels, found.labels]), axis=1)
    assert pairs.shape[1] == len(found) + 1  # each label of one is a label of the other
    for number, (peak, value) in enumerate(zip(found.peaks, found.values, strict=True), start=1):
        own = found.labels == number
        assert own[peak] and value == values[own].max() and own.sum() == found.sizes[number - 1]


def test_sizes_are_judged_by_the_largest_of_null_maps(tmp_path):
    values, null = smooth(0)[0], smooth(1, 40)
    positions = np.argwhere(MASK) * 2.0
    p = np.linspace(0, 1, COUNT)
    found = areas.clusters(values, 0.5, MASK, positions=positions, p=p, null_maps=null)
    largest = np.array([by_scipy(one, 0.5)[1].max(initial=0) for one in null])
    expected = [((largest >= size).sum() + 1) / 41 for size in found.sizes]
    np.testing.assert_allclose(found.p_size, expected)
    np.testing.assert_array_equal(found.positions, positions[found.peaks])
    np.testing.assert_array_equal(found.p, p[found.peaks])
    with found.save(tmp_path / "clusters.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found) and float(rows[0]["x"]) == positions[found.peaks[0], 0]
    assert list(rows[0]) == ["cluster", "size", "peak", "value", "x", "y", "z", "p", "p_size"]


def test_a_long_way_and_a_gap():
    line = areas.from_lists([np.clip([i - 1, i, i + 1], 0, 199) for i in range(200)])
    values = np.ones(200)
    values[[50, 120]] = np.nan, 0.0
    found = areas.clusters(values, 0.5, line)
    assert list(found.sizes) == [79, 69, 50]
    assert (found.labels[[50, 120]] == 0).all() and "3 clusters" in repr(found)
    assert len(areas.clusters(values, 2.0, line)) == 0
    none = areas.clusters(values, 2.0, line, null_maps=np.ones((3, 200)), p=values)
    assert none.p_size.shape == (0,) and none.table()["size"].shape == (0,)


def test_bad_input_is_named():
    values = np.zeros(COUNT)
    for change, message in (
        ({"values": values[1:]}, "values .* must be .centre,."),
        ({"p": values[1:]}, "p .*: the axes of a centre"),
        ({"null_maps": values}, "null_maps"),
        ({"positions": np.zeros((COUNT, 2))}, "positions"),
    ):
        given = {"values": values, "threshold": 0.5, "touching": MASK, **change}
        with pytest.raises(ValueError, match=message):
            areas.clusters(**given)
