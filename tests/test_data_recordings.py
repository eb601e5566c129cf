"""The real recordings: what the packages hold is what our docstrings say.

Needs the network once. Without it the tests are skipped, or fail if JAXNEURO_REQUIRE_DATA=1.
"""

import os
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from jaxneuro import data
from jaxneuro.data import DataUnavailable, Recording

READERS: dict[str, Callable[[], Recording]] = {
    "grasshopper_1": lambda: data.grasshopper(1),
    "grasshopper_2": lambda: data.grasshopper(2),
    "event_related_bold": data.event_related_bold,
    "resting_state_hcp": lambda: data.resting_state("hcp"),
    "resting_state_gw": lambda: data.resting_state("gw"),
    "ecog_grip": data.ecog_grip,
    "cortical_maps": data.cortical_maps,
    "mouse_connectomes": data.mouse_connectomes,
}


@cache
def read(name: str) -> Recording:
    pytest.importorskip("scipy")
    pytest.importorskip("nibabel")
    try:
        return READERS[name]()
    except DataUnavailable as reason:
        if os.environ.get("JAXNEURO_REQUIRE_DATA") == "1":
            raise
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", READERS)
def test_every_recording_says_what_it_is(name: str) -> None:
    recording = read(name)
    assert recording.name == name
    assert set(recording.units) == set(recording.arrays)
    for field in ("description", "licence", "citation", "source"):
        assert len(getattr(recording, field)) > 10, field
    assert "sha256" in recording.source
    for key, array in recording.arrays.items():
        assert array.dtype != object, key
        if array.dtype.kind == "f" and name != "cortical_maps":
            assert np.isfinite(array).all(), key


@pytest.mark.parametrize(("cell", "spikes"), [(1, 929), (2, 868)])
def test_grasshopper(cell: int, spikes: int) -> None:
    arrays = read(f"grasshopper_{cell}").arrays
    assert arrays["stimulus"].shape == (200_000,)
    assert arrays["stimulus"].max() == 1
    assert arrays["stimulus"].min() == pytest.approx(10 ** (-36 / 20), rel=1e-4)
    assert arrays["dt"] == 50e-6
    times = arrays["spike_times"]
    assert times.shape == (spikes,)
    assert np.diff(times).min() > 1e-3  # s: refractory
    assert 0 < times[0] < times[-1] < 10
    # Spikes follow loud sound by 6 to 7 ms, so the two files share one clock and their units.
    samples = (times[1:] / 50e-6).astype(int)
    loudness = [arrays["stimulus"][samples - lag].mean() for lag in range(0, 200, 20)]
    assert np.argmax(loudness) in (6, 7)
    assert max(loudness) > 1.6 * arrays["stimulus"].mean()


def test_event_related_bold() -> None:
    arrays = read("event_related_bold").arrays
    assert arrays["bold"].shape == arrays["events"].shape == (3360,)
    assert np.bincount(arrays["events"]).tolist() == [2784, 96, 96, 96, 96, 96, 96]
    onset = np.flatnonzero(arrays["events"][:-12])
    average = np.mean([arrays["bold"][onset + lag] for lag in range(12)], axis=1)
    assert average[1:5].min() > 0.2  # a rise over 2 to 8 s, its standard error .03
    assert average[8:].max() < -0.1  # and the undershoot


@pytest.mark.parametrize(
    ("name", "subjects", "frames", "dt"),
    [("resting_state_hcp", 7, 1200, 0.72), ("resting_state_gw", 5, 355, 2.0)],
)
def test_resting_state(name: str, subjects: int, frames: int, dt: float) -> None:
    arrays = read(name).arrays
    assert arrays["bold"].shape == (subjects, frames, 94)
    assert arrays["dt"] == dt
    names = arrays["region_names"]
    assert names.shape == (94,)
    assert names[0] == "Precentral_L"
    assert [name.replace("_R", "_L") for name in names[1::2]] == list(names[::2])
    # The homologue rule holds in the data: a region's homologue is unusually correlated with it.
    correlation = np.mean([np.corrcoef(subject.T) for subject in arrays["bold"]], axis=0)
    region = np.arange(94)
    pairs, others = correlation[region, region ^ 1], correlation[region, region - 2]
    assert pairs.mean() > others.mean() + 0.1
    assert np.mean(np.argsort(-correlation, axis=1)[:, 1] == region ^ 1) > 0.4  # chance .01
    # And the names are in the order of the data: visual regions act together.
    visual = np.array([name[:4] in ("Occi", "Calc", "Cune", "Ling") for name in names])
    assert correlation[visual][:, visual].mean() > correlation[visual][:, ~visual].mean() + 0.2


def test_ecog_grip() -> None:
    arrays = read("ecog_grip").arrays
    assert arrays["ecog"].shape == (19_001, 6)
    assert arrays["lfp"].shape == (19_001, 3)
    assert arrays["dt"] == 0.001
    assert arrays["lfp_names"].tolist() == [f"LFP_RIGHT_{i}" for i in range(3)]
    gripping = arrays["force"] > 0.5 * arrays["force"].max()
    starts = np.flatnonzero(np.diff(gripping.astype(int)) == 1)
    assert len(starts[np.diff(starts, prepend=-2000) > 1000]) == 3  # grips
    # Cortical channels lie together: neighbours agree more than cortex and nucleus do.
    correlation = np.corrcoef(np.hstack([arrays["ecog"], arrays["lfp"]]).T)
    assert np.diagonal(correlation[:6, :6], 1).mean() > correlation[:6, 6:].mean() + 0.1


def test_cortical_maps() -> None:
    recording = read("cortical_maps")
    arrays = recording.arrays
    assert arrays["maps"].shape == (64_984, 7)
    assert np.isnan(arrays["maps"]).any(axis=1).sum() == 6426  # the medial wall
    assert recording.arrays["map_names"][5] == "thickness"
    assert 2 < np.nanmean(arrays["maps"][:, 5]) < 3  # mm
    assert np.bincount(arrays["hemisphere"]).tolist() == [32_492, 32_492]
    assert np.unique(arrays["network"]).tolist() == list(range(8))
    assert arrays["network_names"].tolist()[1:3] == ["Visual", "Somatomotor"]
    off = np.isnan(arrays["flat_xy"]).all(axis=1)
    assert np.bincount(arrays["hemisphere"][off]).tolist() == [2621, 2665]
    # Networks sit on the right vertices: hardly any on the medial wall, few without inside.
    wall = np.isnan(arrays["maps"][:, 0])
    assert np.mean(arrays["network"][wall] > 0) < 0.15
    assert np.mean(arrays["network"][~wall] == 0) < 0.01
    # The two hemispheres' vertices correspond, and so do most networks.
    left, right = arrays["network"].reshape(2, -1)
    assert np.mean(left[left > 0] == right[left > 0]) > 0.7


@cache
def flat() -> data.FlatMaps:
    return data.raster(read("cortical_maps"))


def test_raster() -> None:
    maps = flat()
    assert maps.images.shape == (2, 137, 180, 7)
    assert maps.images.dtype == np.float32
    inside = np.asarray(np.isfinite(maps.images).all(axis=-1))
    assert np.array_equal(inside, np.isfinite(maps.images).any(axis=-1))
    assert inside.sum(axis=(1, 2)).tolist() == pytest.approx([14_700, 15_200], rel=0.02)
    assert not (maps.labels[~inside] > 0).any()
    assert np.mean(maps.labels[inside] > 0) > 0.99
    # No holes between vertices: an empty pixel between two filled neighbours is rare.
    gap = ~inside[:, :, 1:-1] & inside[:, :, :-2] & inside[:, :, 2:]
    assert gap.sum() < 0.01 * inside.sum()
    # Mirrored: visual cortex (1) is on the same side of the frame in both.
    columns = [np.nonzero(labels == 1)[1].mean() for labels in maps.labels]
    assert min(columns) > 120
    coarse = data.raster(read("cortical_maps"), millimetre=5)
    assert coarse.images.shape == (2, 69, 90, 7)


def test_patches_standardise_by_the_left_alone() -> None:
    maps = flat()
    part = data.patches(maps, size=5)
    dataset = part.dataset
    assert dataset.test is not None
    assert dataset.groups is not None
    assert dataset.x.shape[1:] == (5, 5, 7)
    assert dataset.x.dtype == np.float32
    assert len(dataset.x) == (maps.labels > 0).sum()
    assert np.isfinite(dataset.x).all()
    left = dataset.x[~dataset.test, 2, 2]
    assert left.mean(axis=0) == pytest.approx(np.zeros(7), abs=0.01)
    assert left.std(axis=0) == pytest.approx(np.ones(7), abs=0.01)
    # Whatever the right hemisphere holds, the left patches stay.
    changed = maps._replace(images=maps.images * np.array([1, 9], np.float32)[:, None, None, None])
    again = data.patches(changed, size=5).dataset
    np.testing.assert_array_equal(again.x[~dataset.test], dataset.x[~dataset.test])
    # No group on both sides, and a group is a small part.
    assert not set(dataset.groups[dataset.test]) & set(dataset.groups[~dataset.test])
    assert len(np.unique(dataset.groups)) > 50


def test_patches_are_where_they_say() -> None:
    maps = flat()
    part = data.patches(maps)
    painted = data.paint(maps, part.pixels, part.dataset.y + 1)
    np.testing.assert_array_equal(np.nan_to_num(painted), maps.labels)
    at = np.flatnonzero((part.pixels[:, 1:] == (60, 120)).all(axis=1))[0]
    side = part.pixels[at, 0]
    window = maps.images[side, 53:68, 113:128]
    scale = np.nanstd(maps.images[0].reshape(-1, 7), axis=0)
    got = part.dataset.x[at]
    inside = np.isfinite(window[..., 0])
    assert inside.sum() > 200
    np.testing.assert_allclose(
        (got[7, 7] - got)[inside], ((window[7, 7] - window) / scale)[inside], atol=1e-3
    )
    assert not got[~inside].any()


def test_one_pixel_tells_the_network_about_as_well_as_published() -> None:
    # Nearest class mean within the left, scored on the right: well above the majority's .176.
    dataset = data.patches(flat(), size=1).dataset
    assert dataset.test is not None
    x, y = dataset.x.reshape(-1, 7), dataset.y
    means = np.stack([x[~dataset.test][y[~dataset.test] == k].mean(axis=0) for k in range(7)])
    guess = ((x[dataset.test][:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert 0.6 < np.mean(guess == y[dataset.test]) < 0.8


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: data.grasshopper(3), "cell"),
        (lambda: data.resting_state("other"), "dataset"),  # pyright: ignore
        (lambda: data.raster(read("cortical_maps"), 0), "millimetre"),
        (lambda: data.patches(flat(), 4), "size"),
    ],
)
def test_bad_arguments_are_named(call: Callable, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()
