"""`decoding.decode` of epochs: spatial patterns, tangent space, windows and a network compared."""

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import decoding
from jaxneuro.compare import make_recording
from jaxneuro.decoding import epoch_contenders as contenders
from jaxneuro.decoding.contenders import closed_form, suited

pytestmark = pytest.mark.slow

TRIALS, CHANNELS, TIMES = 120, 6, 40


def rhythms(seed=0, trials=TRIALS):
    """Epochs (trial, channel, time) of 1e-5 volts in which a source is strong or weak, and no mean
    tells of it; labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.array(["left", "right"])[np.arange(trials) % 2])
    sources = rng.normal(size=(trials, CHANNELS, TIMES))
    sources[:, 0] *= np.where(labels == "left", 2.5, 0.7)[:, None]
    return 1e-5 * np.einsum("cs,tsk->tck", rng.normal(size=(CHANNELS, CHANNELS)), sources), labels


def evoked(seed=1):
    """Epochs in which one channel deflects from time 20 to 30; labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.array(["left", "right"])[np.arange(TRIALS) % 2])
    x = rng.normal(size=(TRIALS, CHANNELS, TIMES))
    x[:, 2, 20:30] += np.where(labels == "left", 0.9, -0.9)[:, None]
    return x, labels


@pytest.fixture(scope="module")
def found():
    x, labels = rhythms()
    decoders = {"CSP": contenders.common_patterns((2, 4)), "tangent": contenders.tangent((0.01,)),
                "LDA": closed_form("lda")}  # fmt: skip
    return decoding.decode(x, labels, decoders=decoders, resamples=99)


def test_what_covariances_tell_means_do_not(found):
    assert found.sure["CSP"].mean > 0.85 and found.sure["tangent"].mean > 0.8
    assert found.sure["LDA"].mean < 0.75
    assert found.chosen in ("CSP", "tangent")
    assert found.decoders["CSP"].chosen["components"] in (2, 4)


def test_time_first_is_the_same(found):
    x, labels = rhythms()
    decoders = {"CSP": contenders.common_patterns((2, 4)), "tangent": contenders.tangent((0.01,))}
    turned = decoding.decode(x.swapaxes(1, 2), labels, decoders=decoders, resamples=19)
    for name in decoders:
        np.testing.assert_allclose(turned.predictions_of(name), found.predictions_of(name),
                                   atol=1e-5)  # fmt: skip
        np.testing.assert_allclose(turned.predict(x.swapaxes(1, 2), decoder=name),
                                   found.predict(x, decoder=name), atol=1e-5)  # fmt: skip


def test_it_is_the_decoding_of_epochs_alone(found):
    """`decode_epochs` on the same fold."""
    x, labels = rhythms()
    count = found.decoders["CSP"].chosen["components"]
    alone = decoding.decode_epochs(x, labels, found.splits, "csp", "lda", components=count)
    held = found.held
    told = np.array(found.classes)[found.predictions_of("CSP")[held].argmax(axis=1)]
    assert (told == alone.predictions[held]).mean() > 0.95


def test_held_out_epochs_are_predicted_as_new_ones_and_kept(found, tmp_path):
    x, _ = rhythms()
    found.save(tmp_path / "a.jaxneuro")
    again = jn.load(tmp_path / "a.jaxneuro")
    for name in ("CSP", "tangent"):
        told = found.predict(x, decoder=name)
        np.testing.assert_allclose(told[found.held], found.predictions_of(name)[found.held],
                                   atol=1e-5)  # fmt: skip
        np.testing.assert_allclose(again.predict(x, decoder=name), told, atol=1e-6)


def test_what_is_held_out_changes_no_choice(found):
    x, labels = rhythms()
    other = np.where(found.held[:, None, None], x * 100, x)
    decoders = {"CSP": contenders.common_patterns((2, 4)), "tangent": contenders.tangent((0.01,))}
    made = decoding.decode(other, labels, decoders=decoders, resamples=19)
    for name in decoders:
        assert made.decoders[name].inner == found.decoders[name].inner


def test_the_window_that_tells_is_chosen():
    x, labels = evoked()
    made = decoding.decode(x, labels, decoders={"one window": contenders.windows(4)}, resamples=99)
    assert made.decoders["one window"].chosen["window"] in ("10-29", "20-39")
    assert made.sure["one window"].mean > 0.85


def test_a_network_of_epochs_in_volts():
    x, labels = evoked(2)
    made = {"network": contenders.compact_network(60, filters=2, size=5, dropout=0.1)}
    found = decoding.decode(x * 1e-6, labels, decoders=made, resamples=19)
    assert found.sure["network"].mean > 0.7
    told = found.predict(x * 1e-6, decoder="network")
    gap = np.abs(told - found.predictions_of("network"))[found.held]
    assert gap.max() < 1e-3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((60, 6, 40), {"CSP and LDA", "tangent space and LDA", "one window", "EEG network"}),
        ((60, 40, 6), {"CSP and LDA", "tangent space and LDA", "one window", "EEG network"}),
        ((60, 6, 20), {"CSP and LDA", "tangent space and LDA", "one window"}),
        ((60, 20), {"softmax regression", "LDA", "maximum correlation", "MLP"}),
    ],
)
def test_epochs_are_known_by_their_shape(shape, expected):
    notes: list[str] = []
    given = dict(dt=None, trials=None, groups=None, test=None, lags=None, ahead=0, folds=3, seed=0)
    x, labels = np.random.default_rng(3).normal(size=shape), np.array(["a", "b"] * 30)
    recording = make_recording(x, labels, **given, progress=None, notes=notes)
    assert set(suited(recording, notes)) == expected
    told = any("time is the longer" in note for note in notes)
    assert told == (len(shape) == 3)
