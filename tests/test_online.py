"""Decoders bin by bin: the numbers of the whole recording, from a file without the model too."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import python

import jaxneuro as jn
from jaxneuro import axes, decoding, features, splits
from jaxneuro.decoding import contenders, epoch_contenders
from jaxneuro.decoding.online import Stream, load_stream, stream
from jaxneuro.selection import lag_choice

TIME, NEURONS = 240, 6
NESTED = splits.nested(
    splits.blocks(TIME, 2, gap=4), lambda index: splits.blocks(len(index), 2, gap=4)
)
L2 = axes.grid(l2=[1e-3, 1e-1])


def recording(seed: int = 0, unit: float = 1.0, far: float = 0.0):
    """Signals that tell of a movement with a delay, and the movement."""
    rng = np.random.default_rng(seed)
    y = np.cumsum(rng.normal(size=(TIME, 2)), axis=0)
    delayed = np.concatenate([np.zeros((2, 2)), y[:-2]])
    x = (y + delayed) @ rng.normal(size=(2, NEURONS)) + rng.normal(size=(TIME, NEURONS))
    return (x.round(2) + far) * unit, 3 * y + [5, -70]


def run(online: Stream, x) -> np.ndarray:
    state, found = online.init(), []
    for bin in x:
        prediction, state = online.step(state, bin)
        found.append(prediction)
    return np.array(found)


def assert_same(found, expected) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.std())


def lagged(unit: float = 1.0, far: float = 0.0, fit: jn.Fit | None = None):
    """A search over lags, its recording, its design, and what was taken off."""
    x, y = recording(unit=unit, far=far)
    past = lag_choice(x, (0, 3))
    fit = fit or decoding.linear_decoder(2)
    grid = [past.axis, *L2]
    found = decoding.decode(fit, past.x, y, NESTED, grid, refit_axes=[axes.shifts(2, least=20)])
    return x, past.x, found, x[0] - past.x[0, 0]


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


@pytest.fixture(scope="module")
def lags():
    return lagged()


def windows(x, width: int):
    """(time, width, neuron), the newest last."""
    return features.lags(x, width)[:, ::-1]


@pytest.fixture(scope="module")
def recurrent():
    x, y = recording(1)
    fit = decoding.recurrent(2, 4, steps=20, batch=None, dropout=0.2)
    grid = axes.grid(l2=[1e-3], learning_rate=[1e-2])
    seen = windows(x, 5)
    found = decoding.decode(fit, seen, y, NESTED, grid, refit_axes=[axes.seeds(2)])
    return x, seen, found


def test_lags_of_a_search_bin_by_bin(lags) -> None:
    x, design, found, centre = lags
    online = stream(found, centre=centre)
    expected = found.predict(design)
    assert np.corrcoef(expected[:, 0], found.observed[:, 0])[0, 1] > 0.9
    assert_same(run(online, x), expected)
    late = features.lags(x[100:] - centre, 4)  # a trial of its own
    assert_same(run(online, x[100:]), found.predict(late))


def test_states_are_values(lags) -> None:
    x, _, found, centre = lags
    online = stream(found, centre=centre)
    first, state = online.step(online.init(), x[0])
    online.step(state, x[1])
    again, _ = online.step(online.init(), x[0])
    np.testing.assert_array_equal(first, again)


@pytest.mark.slow
@pytest.mark.parametrize("far", [0.0, 1e6])
def test_values_that_float32_cannot_hold(far) -> None:
    x, y = recording(unit=1e-15 if not far else 1.0, far=far)
    design = features.lags(x.astype(np.float64), 4)
    found = decoding.decode(decoding.linear_decoder(2), design, y, NESTED, L2)
    assert found.fits.x_origin is not None
    found_here, expected = run(stream(found), x), found.predict(design)
    assert_same(found_here[3:], expected[3:])  # before, zeros among 1e6: rounding


@pytest.mark.slow
def test_windows_of_a_network(recurrent) -> None:
    x, seen, found = recurrent
    assert_same(run(stream(found), x), found.predict(seen))


def test_many_features() -> None:
    """1 710 of them, positive as counts are: sums of other orders would be 1e-6 apart and more."""
    rng = np.random.default_rng(8)
    x = np.sqrt(rng.poisson(2.0, (TIME, 171)))
    y = np.cumsum(x[:, :2] - x[:, :2].mean(axis=0), axis=0)
    past = lag_choice(x, (9,))
    found = decoding.decode(decoding.linear_decoder(2), past.x, y, NESTED, axes.grid(l2=[0.1]))
    online = stream(found, centre=x[0] - past.x[0, 0])
    expected = found.predict(past.x)
    assert_same(run(online, x), expected)


@pytest.mark.slow
def test_convolutions_over_time() -> None:
    x, y = recording(2)
    fit = decoding.temporal_convolution(2, (4, 4), 2, steps=20, batch=None)
    grid = axes.grid(l2=[1e-3], learning_rate=[1e-2])
    seen = windows(x + 1e6, 5)
    found = decoding.decode(fit, seen, y, splits.nested(splits.blocks(TIME, 2, gap=4),
                            lambda i: splits.blocks(len(i), 2, gap=4)), grid)  # fmt: skip
    assert_same(run(stream(found), x + 1e6), found.predict(seen))


@pytest.mark.slow
@pytest.mark.parametrize("far", [0.0, 1e7])
def test_decoders_that_were_compared(far) -> None:
    x, y = recording(5)
    x, y = x + far, y + far
    made = contenders.wiener([0.1]), contenders.recurrent(4, 20), contenders.kalman_filter(lag=1)
    decoders = dict(zip(("Wiener", "GRU", "Kalman"), made, strict=True))
    found = decoding.decode(x, y, dt=0.05, lags=(0, 3), decoders=decoders, resamples=19)
    for name in decoders:
        assert_same(run(stream(found, decoder=name), x), found.predict(x, decoder=name))
    assert_same(run(stream(found), x), found.predict(x))
    with pytest.raises(ValueError, match="no decoder 'MLP'"):
        stream(found, decoder="MLP")
    with pytest.raises(ValueError, match="bins is no matter of Decoded"):
        stream(found, bins=3)
    ahead = decoding.decode(x, y, dt=0.05, lags=(0, 3), future=2, resamples=19,
                            decoders={"Wiener": decoders["Wiener"]})  # fmt: skip
    with pytest.raises(ValueError, match="2 samples that are still to come"):
        stream(ahead)


@pytest.mark.slow
def test_categories() -> None:
    x, y = recording(6)
    state = np.where(y[:, 0] > np.median(y[:, 0]), "move", "rest")
    decoders = {"LDA": contenders.closed_form("lda"), "softmax": contenders.softmax([0.1])}
    found = decoding.decode(x, state, dt=0.05, lags=(0, 3), decoders=decoders, resamples=19)
    for name in decoders:
        made = run(stream(found, decoder=name), x)
        np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(made, found.predict(x, decoder=name), atol=1e-5)


@pytest.mark.slow
def test_decoders_of_whole_epochs_are_refused() -> None:
    rng = np.random.default_rng(7)
    x, labels = rng.normal(size=(40, 3, 32)), np.repeat(["a", "b"], 20)
    decoders = {
        "CSP": epoch_contenders.common_patterns((2,)),
        "one window": epoch_contenders.windows(2, (1.0, 10.0)),
    }
    found = decoding.decode(x, labels, decoders=decoders, resamples=9)
    for name in decoders:
        with pytest.raises(ValueError, match=f"{name} tells of whole epochs"):
            stream(found, decoder=name)
    single = decoding.decode_epochs(x, labels, splits.k_fold(40, 2, 0), components=2)
    with pytest.raises(TypeError, match="csp and lda tells of whole epochs"):
        stream(single)  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_targets_far_from_zero() -> None:
    x, y = recording()
    fit = jn.make_fit(
        jn.models.linear(), jn.losses.half_squared_error, jn.optimizers.lbfgs(),
        jn.penalties.ridge(), scores={"r2": jn.metrics.r2}, standardise=True,
    )  # fmt: skip
    design = features.lags(x, 3)
    inputs = jn.make_inputs(design, y + np.array([0, 1e9]))
    found = jn.crossval.search(fit, inputs, [axes.targets(2)], NESTED, L2)
    assert found.fits.y_origin is not None
    made, expected = run(stream(found), x), found.predict(design)
    for one, other in zip(made.T, expected.T, strict=True):
        assert_same(one, other)


@pytest.fixture(scope="module")
def filtered():
    x, y = recording(3, far=1000.0)
    return x, decoding.kalman(x, y, NESTED, noise=1, lag=2)


def test_a_kalman_filter(filtered) -> None:
    x, found = filtered
    expected = found.predict(x)
    assert_same(run(stream(found), x), expected)
    given = x.copy()
    given[100] = np.nan  # a bin that was lost
    made = run(stream(found), given)
    assert np.isfinite(made).all()
    assert_same(made[:102], expected[:102])
    assert np.abs(made[102] - expected[102]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "unit"), [("poisson", 1.0), ("gaussian", 1e-15)])
def test_naive_bayes(noise, unit) -> None:
    rng = np.random.default_rng(4)
    y = np.abs((np.cumsum(rng.normal(0, 0.05, TIME)) + 1) % 2 - 1)
    far = (y[:, None] - rng.uniform(0, 1, NEURONS)) / 0.1
    x = unit * rng.poisson(0.1 + 4 * np.exp(-0.5 * far**2))
    whole = splits.holdout(np.arange(TIME) >= 160)
    found = decoding.naive_bayes(x, y, whole, noise=noise, bins=10, width=1.0, movement=1.0)
    made = run(stream(found), x)
    assert_same(made[160:], found.predictions[160:])
    assert found.r2[0, 0] > 0.4
    given = x.astype(float)
    given[200] = np.nan
    assert np.isfinite(run(stream(found), given)).all()
    with pytest.raises(ValueError, match="smooth=False"):
        stream(replace(found, smooth=True))


def test_one_compilation(lags) -> None:
    x, _, found, centre = lags
    online = stream(found, centre=centre)
    run(online, x[:20])
    assert online._jitted._cache_size() == 1


def test_a_file_of_a_filter(filtered, tmp_path) -> None:
    x, found = filtered
    online = stream(found)
    online.save(tmp_path / "filter")
    read = load_stream(tmp_path / "filter")
    assert_same(run(read, x[:30]), run(online, x[:30]))


@pytest.mark.slow
def test_a_file_needs_no_model(lags, recurrent, filtered, tmp_path) -> None:
    x, _, found, centre = lags
    own, _, network = recurrent
    given = {"lags": (stream(found, centre=centre), x), "network": (stream(network), own)}
    given["filter"] = (stream(filtered[1]), filtered[0])
    for name, (online, x) in given.items():
        online.save(tmp_path / name)
        read = load_stream(tmp_path / name)
        np.testing.assert_allclose(run(read, x[:30]), run(online, x[:30]), rtol=1e-5, atol=1e-5)
        read.save(tmp_path / "again")
        np.testing.assert_allclose(
            run(load_stream(tmp_path / "again"), x[:30]), run(online, x[:30]), rtol=1e-5, atol=1e-5
        )
    np.save(tmp_path / "x.npy", own[:30])
    code = """
import sys, numpy as np
from jaxneuro.decoding import contenders, epoch_contenders
from jaxneuro.decoding.online import load_stream
online = load_stream(sys.argv[1] + "/network")
state = online.init()
for bin in np.load(sys.argv[1] + "/x.npy"):
    found, state = online.step(state, bin)
print(*found)
"""
    said = [float(v) for v in python(code, tmp_path).stdout.split()]
    np.testing.assert_allclose(said, run(stream(network), own[:30])[-1], rtol=1e-5, atol=1e-5)
    with pytest.raises(jn.selection.LoadError, match="no result"):
        found.save(tmp_path / "search")
        load_stream(tmp_path / "search")


@pytest.mark.slow
def test_a_loaded_search(recurrent, tmp_path) -> None:
    x, seen, found = recurrent
    found.save(tmp_path / "found")
    read = jn.load(tmp_path / "found")
    assert_same(run(stream(read), x), found.predict(seen))


def test_what_cannot_be(lags, filtered) -> None:
    x, design, found, centre = lags
    with pytest.raises(ValueError, match=r"bin is \(5,\): it must be \(6,\)"):
        online = stream(found, centre=centre)
        online.step(online.init(), x[0, :5])
    with pytest.raises(ValueError, match=r"centre is \(2,\)"):
        stream(found, centre=[0, 0])
    with pytest.raises(ValueError, match="taken to be the last"):
        stream(found, newest="last")
    with pytest.raises(ValueError, match="bins is 3"):
        stream(found, bins=3)
    with pytest.raises(ValueError, match="smooth=False"):
        stream(replace(filtered[1], smooth=True))
    with pytest.raises(ValueError, match="still to come"):
        stream(replace(filtered[1], lag=np.array([0, -1])))
    with pytest.raises(TypeError, match="no result of decode"):
        stream(design)  # pyright: ignore
    order, given = np.random.default_rng(0).permutation(TIME), found.inputs
    assert given is not None
    mixed = replace(found, inputs=given._replace(x=given.x[order]))
    with pytest.raises(ValueError, match="in the order of time"):
        stream(mixed)
    assert stream(mixed, bins=1).shape == (4, NEURONS)
