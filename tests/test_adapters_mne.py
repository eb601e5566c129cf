"""MNE's objects as arrays: shapes, labels by name, stretches without what is bad."""

from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from jaxneuro import decoding, splits
from jaxneuro.adapters import from_mne_epochs, from_mne_raw

TIMES = np.arange(-20, 40) / 100


def held(x, codes=None, metadata=None, **event_id):
    """What Epochs have."""
    codes = np.arange(len(x)) % 2 + 1 if codes is None else codes
    events = np.stack([np.arange(len(x)) * 100, np.zeros(len(x), int), codes], axis=1)
    return SimpleNamespace(
        get_data=lambda: x,
        times=TIMES,
        ch_names=["Cz", "Pz", "Oz"],
        events=events,
        event_id=event_id or {"left": 1, "right": 2},
        metadata=metadata,
    )


def simulated(scale=1.0, trials=24):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(trials, 3, len(TIMES)))
    side = (np.arange(trials) % 2)[:, None, None]
    return scale * (x + 4 * side * (TIMES > 0.1) * np.array([1, -1, 0])[:, None])


def test_epochs_and_labels_by_the_names_of_events() -> None:
    found = from_mne_epochs(held(simulated()))
    assert found.x.shape == (24, 3, 60) and found.channels == ("Cz", "Pz", "Oz")
    assert found.y[:3].tolist() == ["left", "right", "left"]
    assert found.dt == pytest.approx(0.01)


def test_windows_are_means_side_by_side() -> None:
    found = from_mne_epochs(held(simulated()))
    x, times = found.windows(7)
    assert x.shape == (24, 8, 3)
    np.testing.assert_allclose(x[:, 1], found.x[:, :, 7:14].mean(axis=2))
    np.testing.assert_allclose(times[:2], [-0.17, -0.10])
    every, all_times = found.windows()
    np.testing.assert_array_equal(every, found.x.transpose(0, 2, 1))
    np.testing.assert_array_equal(all_times, TIMES)
    with pytest.raises(ValueError, match="samples is 61; it must be from 1 to 60"):
        found.windows(61)


@pytest.mark.slow
def test_volts_are_decoded_as_any_other_unit() -> None:
    volts, ones = (from_mne_epochs(held(simulated(scale))) for scale in (1e-6, 1.0))
    folds = splits.blocks(24, 4)
    found = []
    for one in (volts, ones):
        x, times = one.windows(20)
        found.append(decoding.sliding(x, one.y, folds, windows=times))
    np.testing.assert_array_equal(found[0].accuracy, found[1].accuracy)
    assert found[0].accuracy[0] < 0.8 and found[0].accuracy[2] == 1
    assert found[0].windows == (-0.105, 0.095, 0.295)


def test_labels_of_metadata() -> None:
    table = pandas.DataFrame({"image": ["cat", "dog"] * 12, "odd": [None, "a"] * 12})
    found = from_mne_epochs(held(simulated(), metadata=table), label="image")
    assert found.y[:2].tolist() == ["cat", "dog"]
    with pytest.raises(ValueError, match="no column 'animal' in the metadata"):
        from_mne_epochs(held(simulated(), metadata=table), label="animal")
    with pytest.raises(ValueError, match="no column 'image' in the metadata"):
        from_mne_epochs(held(simulated()), label="image")
    with pytest.raises(ValueError, match="metadata 'odd' has 12 missing values"):
        from_mne_epochs(held(simulated(), metadata=table), label="odd")


def test_errors_name_the_field() -> None:
    with pytest.raises(ValueError, match="no name of event 3"):
        from_mne_epochs(held(simulated(), codes=np.full(24, 3)))
    with pytest.raises(ValueError, match="event 1 is called 'a' and 'b'"):
        from_mne_epochs(held(simulated(), a=1, b=1))
    with pytest.raises(ValueError, match=r"get_data\(\) has shape \(24, 2, 60\)"):
        from_mne_epochs(held(simulated()[:, :2]))
    with pytest.raises(ValueError, match="a list has no get_data, times"):
        from_mne_epochs([1])
    with pytest.raises(ValueError, match="a list has no get_data"):
        from_mne_raw([1])


# With MNE itself


@pytest.fixture(scope="module")
def mne():
    return pytest.importorskip("mne")


def test_mne_epochs_after_bad_ones_were_dropped(mne) -> None:
    x = simulated(1e-6)
    x[4, 0, 3] = 1  # a volt
    info = mne.create_info(["Cz", "Pz", "Oz"], 100.0, "eeg")
    events = np.stack([np.arange(24) * 100, np.zeros(24, int), np.arange(24) % 2 + 1], axis=1)
    epochs = mne.EpochsArray(  # which writes into what it is given
        x.copy(), info, events, tmin=-0.2, event_id={"left": 1, "right": 2}, verbose=False
    )
    epochs.drop_bad(reject={"eeg": 1e-3}, verbose=False)
    found = from_mne_epochs(epochs)
    assert found.x.shape == (23, 3, 60)
    assert found.y[3:6].tolist() == ["right", "right", "left"]
    np.testing.assert_allclose(found.times, TIMES, atol=1e-12)
    np.testing.assert_allclose(found.x[4], x[5])


def test_a_raw_recording_without_its_bad_stretches(mne) -> None:
    info = mne.create_info(["Cz", "Pz"], 100.0, "eeg")
    x = np.random.default_rng(0).normal(size=(2, 300))
    raw = mne.io.RawArray(x, info, verbose=False)
    raw.set_annotations(mne.Annotations([1.0, 2.0], [0.5, 0.2], ["BAD_move", "blink"]))
    found = from_mne_raw(raw)
    assert found.names == ("Cz", "Pz") and found.dt == pytest.approx(0.01)
    left = np.round(found.times * 100).astype(int)
    np.testing.assert_array_equal(found.x, x.T[left])
    assert 248 <= len(left) <= 250 and not ((found.times > 1.005) & (found.times < 1.495)).any()
    np.testing.assert_array_equal(np.unique(found.trials, return_counts=True)[1][0], 100)
    assert found.trials[-1] == 1
