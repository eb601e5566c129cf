"""Convolved bases: by hand, by nemos; nothing of the present, nothing over an edge."""

import pickle

import numpy as np
import pytest
from numerics import float64

from jaxneuro import features as f
from jaxneuro.features.univariate import Univariate

KINDS = {
    "log raised cosine": f.raised_cosine(5, stretch=20, name="v"),
    "b-spline": f.b_spline(5, name="v"),
    "m-spline": f.m_spline(5, 2, name="v"),
    "cyclic spline": f.cyclic_spline(5, name="v"),
    "fourier": f.fourier(2, constant=True, name="v"),
    "polynomial": f.polynomial(2, legendre=True, constant=True, name="v"),
    "identity": f.identity("v"),
}
every = pytest.mark.parametrize("kind", KINDS)
TRIALS = np.repeat([3, 1, 3, 2], [7, 30, 1, 22])
SIGNAL = np.random.default_rng(0).poisson(1.0, (60, 3)).astype(np.float64)


def by_hand(basis: Univariate, signal, window: int, first: int, trials=None):
    """The sum of its definition, sample by sample."""
    kernel = basis.kernel(window)[0]
    begin = np.zeros(len(signal), int) if trials is None else starts(trials)
    out = np.zeros((*signal.shape, kernel.shape[1]))
    for t in range(len(signal)):
        for k in range(window):
            if t - first - k >= begin[t]:
                out[t] += signal[t - first - k][:, None] * kernel[k]
    return out


def starts(trials):
    return np.array([max(s for s in range(t + 1) if s == 0 or trials[s] != trials[s - 1])
                     for t in range(len(trials))])  # fmt: skip


@every
@pytest.mark.parametrize(("window", "present"), [(1, False), (9, False), (9, True), (80, False)])
@pytest.mark.parametrize("trials", [None, TRIALS], ids=["one", "trials"])
def test_the_sum_of_the_definition(kind: str, window: int, present: bool, trials) -> None:
    basis = KINDS[kind]
    made = basis.convolve(SIGNAL, window, present=present, trials=trials)
    expected = by_hand(basis, SIGNAL, window, 0 if present else 1, trials)
    assert made.dtype == np.float64 and made.shape == expected.shape
    np.testing.assert_allclose(made, expected, atol=1e-11)


@every
@pytest.mark.parametrize("present", [False, True])
def test_what_lies_ahead_does_not_change_a_bit(kind: str, present: bool) -> None:
    made = KINDS[kind].convolve(SIGNAL, 6, present=present)
    for changed in (0, 17, 59):
        other = SIGNAL.copy()
        other[changed:] = 1e6 * (1 + np.arange(60 - changed)[:, None] % 3)
        again = KINDS[kind].convolve(other, 6, present=present)
        seen = changed + (not present)  # with spike history, not even the present bin
        np.testing.assert_array_equal(again[:seen], made[:seen])
        assert (again[seen : seen + 1] != made[seen : seen + 1]).any() or seen == 60


@every
def test_trials_are_those_of_each_alone(kind: str) -> None:
    made = KINDS[kind].convolve(SIGNAL, 12, trials=TRIALS)
    edges = np.flatnonzero(np.diff(TRIALS)) + 1
    each = [KINDS[kind].convolve(part, 12) for part in np.split(SIGNAL, edges)]
    np.testing.assert_allclose(made, np.concatenate(each), atol=1e-12)
    assert not made[edges].any()  # the first sample of a trial has no past
    np.testing.assert_array_equal(f.since_start(TRIALS)[[0, 6, 7, 36, 37, 38]], [0, 6, 0, 29, 0, 0])
    words = np.array(["abcd"[k] for k in TRIALS])
    np.testing.assert_array_equal(KINDS[kind].convolve(SIGNAL, 12, trials=words), made)


def test_filters_of_nemos() -> None:
    nemos = pytest.importorskip("nemos.basis")
    pairs = [
        (f.raised_cosine(5, stretch=50), nemos.RaisedCosineLogConv(5, window_size=9)),
        (f.raised_cosine(5), nemos.RaisedCosineLinearConv(5, window_size=9)),
        (f.b_spline(5), nemos.BSplineConv(5, window_size=9)),
        (f.m_spline(5, 2), nemos.MSplineConv(5, order=2, window_size=9)),
        (f.cyclic_spline(5), nemos.CyclicBSplineConv(5, window_size=9)),
        (f.identity(), nemos.HistoryConv(9)),
    ]
    with float64():
        for mine, theirs in pairs:
            expected = np.asarray(theirs.compute_features(SIGNAL))
            assert np.isnan(expected[:9]).all()  # theirs has no zeros before the beginning
            made = mine.convolve(SIGNAL, 9).reshape(60, -1)[9:]
            np.testing.assert_allclose(made, expected[9:], atol=1e-11)


def test_raw_history_is_lags() -> None:
    for trials in (None, TRIALS):
        made = f.identity().convolve(SIGNAL, 8, trials=trials)
        lags = f.lags(SIGNAL, 8, first=1, trials=trials)
        np.testing.assert_array_equal(made, lags.transpose(0, 2, 1))


@pytest.mark.parametrize("samples", [1, 2, 255, 256, 257, 700])
@pytest.mark.parametrize("channels", [None, 1, 40])
def test_blocks_of_any_size(samples: int, channels: int | None) -> None:
    rng = np.random.default_rng(1)
    shape = (samples,) if channels is None else (samples, channels)
    signal = rng.normal(size=shape)
    basis = f.raised_cosine(4, stretch=9)
    made = basis.convolve(signal, 300)
    kernel = basis.kernel(300)[0]
    each = signal.reshape(samples, -1).T
    expected = [[np.convolve(s, k)[: samples - 1] for k in kernel.T] for s in each]
    expected = np.array(expected).reshape(len(each), 4, -1).transpose(2, 0, 1)
    np.testing.assert_allclose(made[1:].reshape(expected.shape), expected, atol=1e-10)
    assert not made[0].any()


def test_missing_samples_reach_as_far_as_the_filter() -> None:
    signal = SIGNAL.copy()
    signal[20, 1], signal[0, 2] = np.nan, np.inf
    basis = f.raised_cosine(5)
    made = basis.convolve(signal, 4, trials=TRIALS)
    expected = np.zeros((60, 3), bool)
    expected[21:25, 1] = expected[1:5, 2] = True
    np.testing.assert_array_equal(np.isnan(made), np.repeat(expected[..., None], 5, axis=2))
    clean = basis.convolve(SIGNAL, 4, trials=TRIALS)
    np.testing.assert_array_equal(made[~expected], clean[~expected])


def test_a_window_in_seconds() -> None:
    basis = f.raised_cosine(5, stretch=20, name="counts")
    made = basis.convolve(SIGNAL[:, 0], 0.03, dt=0.005)
    np.testing.assert_array_equal(made, basis.convolve(SIGNAL[:, 0], 6))
    filters = basis.filters(0.03, dt=0.005)
    (lags,), values = filters.curves(np.eye(5))
    np.testing.assert_allclose(lags, 0.005 * np.arange(1, 7))
    np.testing.assert_array_equal(values, basis.kernel(6)[0].T)
    np.testing.assert_array_equal(basis.filters(3, present=True).curves(np.eye(5)).at[0], [0, 1, 2])
    for dtype in (np.float32, np.uint8):
        found = basis.convolve(SIGNAL.astype(dtype), 6)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, basis.convolve(SIGNAL, 6), rtol=1e-6, atol=1e-6)
    assert basis.convolve(SIGNAL, 6, dtype=np.float32).dtype == np.float32


def test_filters_beside_and_times_others() -> None:
    rng = np.random.default_rng(2)
    history = f.raised_cosine(4, stretch=20, name="counts").filters(6, channels=["a", "b", "c"])
    speed = f.b_spline(5, bounds=(0, 1), name="speed")
    lagged = f.identity("sound").filters(3, present=True)
    whole = history + speed + lagged + speed * f.identity("gain").filters(2)
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert whole.names[:5] == ("counts.a[0]", "counts.a[1]", "counts.a[2]", "counts.a[3]",
                               "counts.b[0]")  # fmt: skip
    assert whole.names[17:20] == ("sound[lag 0]", "sound[lag 1]", "sound[lag 2]")
    assert whole.names[20:22] == ("speed[0]*gain[lag 1]", "speed[0]*gain[lag 2]")
    v, s, g = rng.random((3, 60))
    made = whole.evaluate(SIGNAL, v, s, g, trials=TRIALS)
    parts = [
        KINDS["log raised cosine"].convolve(SIGNAL, 1)[:, :0, 0],
        f.raised_cosine(4, stretch=20).convolve(SIGNAL, 6, trials=TRIALS).reshape(60, -1),
        speed.evaluate(v),
        f.identity().convolve(s, 3, present=True, trials=TRIALS),
    ]
    np.testing.assert_array_equal(made[:, :20], np.concatenate(parts, axis=1))
    gain = f.identity().convolve(g, 2, trials=TRIALS)
    products = np.einsum("ti,tj->tij", parts[2], gain).reshape(60, -1)
    np.testing.assert_array_equal(made[:, 20:], products)
    curves = whole.curves(rng.normal(size=(7, whole.size)), at={"speed": 11})
    shapes = {label: curve.values.shape for label, curve in curves.items()}
    assert shapes == {"counts": (7, 3, 6), "speed": (7, 11), "sound": (7, 3),
                      "speed*gain": (7, 11, 2)}  # fmt: skip
    weights = np.zeros(whole.size)
    weights[whole.names.index("counts.b[2]")] = 2
    filters = whole.curves(weights)["counts"].values
    np.testing.assert_array_equal(filters[1], 2 * f.raised_cosine(4, stretch=20).kernel(6)[0][:, 2])
    assert not filters[[0, 2]].any()
    # float32 signals and dtype: no double copy of a large design.
    assert history.evaluate(SIGNAL.astype(np.float32)).dtype == np.float32


def test_couplings() -> None:
    history = f.raised_cosine(2, name="counts").filters(5, channels=3)
    kept = f.couplings(history, np.eye(3))
    np.testing.assert_array_equal(kept, np.repeat(np.eye(3, dtype=bool), 2, axis=1))
    whole = f.b_spline(4, bounds=(0, 1), name="speed") + history
    kept = f.couplings(whole, 1 - np.eye(3)[:2])
    assert kept.shape == (2, 10) and kept[:, :4].all() and kept.dtype == bool
    np.testing.assert_array_equal(kept[1, 4:], [1, 1, 0, 0, 1, 1])
    two = history + f.identity("lfp").filters(2, channels=2)
    np.testing.assert_array_equal(f.couplings(two, [[1, 0]], part="lfp"), [[1] * 6 + [1, 1, 0, 0]])


H = f.raised_cosine(2, name="counts").filters(5, channels=3)
BAD = {
    "bounds": (lambda: f.b_spline(5, bounds=(0, 1)).convolve(SIGNAL, 5), "filters: 'x' has bounds"),
    "window": (lambda: f.b_spline(5).convolve(SIGNAL, 0), "filters: window is 0"),
    "part of a bin": (lambda: f.b_spline(5).convolve(SIGNAL, 2.5), "filters: window is 2.5"),
    "seconds": (lambda: f.b_spline(5).convolve(SIGNAL, 0.001, dt=0.01), "window is 0"),
    "dt": (lambda: f.b_spline(5).convolve(SIGNAL, 1, dt=-1), "filters: dt is -1"),
    "signal": (lambda: f.b_spline(5).convolve(np.ones((2, 1, 1)), 5), r"shape \(2, 1, 1\); it"),
    "text": (lambda: f.b_spline(5).convolve(["a"], 5), "convolve: signal has dtype <U1"),
    "trials": (lambda: f.b_spline(5).convolve(SIGNAL, 5, trials=[1]), r"trials has shape \(1,\)"),
    "gaps": (lambda: f.b_spline(5).convolve([1.0, 2], 1, trials=[1, np.nan]),
             "trials has 1 missing values, the first at sample 1"),
    "channels": (lambda: f.b_spline(5).filters(5, channels=["a", "a"]), "channels is .*different"),
    "no channel": (lambda: f.b_spline(5).filters(5, channels=0), "channels is 0"),
    "another number": (lambda: H.evaluate(SIGNAL[:, :2]), r"'counts' has shape \(60, 2\); it must"),
    "lengths": (lambda: (H + f.identity("v")).evaluate(SIGNAL, np.ones(3)), r"'v' has samples \(3"),
    "as a variable": (lambda: (H + f.b_spline(5, bounds=(0, 1), name="v") * f.identity("counts"))
                      .evaluate(SIGNAL, np.ones(60)), r"'counts' has samples \(60, 3\)"),
    "lags": (lambda: H.curves(np.ones(6), at={"counts": 5}), "is convolved: it is given at its"),
    "at of lags": (lambda: H.curves(np.ones(6), at=[1, 2]), "is convolved: it is given at"),
    "since": (lambda: f.since_start(np.ones((2, 2))), r"trials has shape \(2, 2\)"),
    "allowed": (lambda: f.couplings(H, np.eye(2)), r"\(target, channel\), and 'counts' has 3"),
    "allowed values": (lambda: f.couplings(H, [[1, 2, 0]]), "values other than 0 and 1"),
    "no feature": (lambda: f.couplings(H, [[1, 1, 1], [0, 0, 0]]), "target 1 is left without"),
    "no channels": (lambda: f.couplings(f.b_spline(5), np.eye(3)), "part is None; .* of \\[\\]"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_errors_name_the_field(name: str) -> None:
    call, says = BAD[name]
    with pytest.raises(ValueError, match=says):
        call()
