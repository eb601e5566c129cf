"""What is lost without some features: against refits one at a time, and a known truth."""

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import axes, decoding, metrics, splits
from jaxneuro.decoding import contenders
from jaxneuro.decoding.importance import importance

TIME = 600
L2 = axes.grid(l2=[0.01, 1.0])


@pytest.fixture(scope="module", autouse=True)
def _hasty(hasty) -> None: ...


def recording():
    """Six signals: 0 and 1 are two outputs, 2 and 3 the same signal of a third, 4 and 5 noise."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(TIME, 3))
    x = np.c_[y[:, :2], y[:, 2], y[:, 2], rng.normal(size=(TIME, 2))]
    x[:, :4] += 0.5 * rng.normal(size=(TIME, 4))
    y = np.c_[y[:, 0], y[:, 1], y[:, 2]] + 0.1 * rng.normal(size=(TIME, 3))
    return x, y


NESTED = splits.nested(splits.k_fold(TIME, 3, 0), lambda index: splits.k_fold(len(index), 2))


@pytest.fixture(scope="module")
def found():
    x, y = recording()
    fit = decoding.linear_decoder(3)
    return x, y, importance(fit, x, y, NESTED, L2, np.arange(6), resamples=400)


def test_is_the_refit_without(found) -> None:
    x, y, made = found
    assert made.search.selection is not None
    l2 = made.search.selection.values["l2"]
    for group in (0, 3):
        left = np.delete(x, group, axis=1)
        exact = decoding.exact_linear(left, y, NESTED, l2)[0]
        pooled = np.full(y.shape, np.nan)
        for told, test in zip(exact, NESTED.test[:, -1] > 0, strict=True):
            pooled[test] = told[test]
        np.testing.assert_allclose(made.without[group], metrics.r2(y, pooled), atol=1e-4)
    exact = decoding.exact_linear(x, y, NESTED, l2)[0]
    held = NESTED.test[:, -1, :, None] > 0
    whole = np.where(held, exact, 0).sum(axis=0)
    np.testing.assert_allclose(made.score, metrics.r2(y, whole), atol=1e-4)
    np.testing.assert_allclose(made.drop, made.score - made.without, atol=1e-5)
    np.testing.assert_allclose(made.mean, made.drop.mean(axis=1), atol=1e-5)


def test_finds_what_is_needed_and_for_what(found) -> None:
    _, _, made = found
    assert made.drop[0].argmax() == 0 and made.drop[1].argmax() == 1
    assert (made.mean_low[:2] > 0.1).all() and (made.low[[0, 1], [0, 1]] > 0.5).all()
    assert (made.mean[2:4] > 0.01).all() and (made.mean[2:4] < 0.1).all()  # the other tells it too
    assert (np.abs(made.mean[4:]) < 0.01).all()
    assert ((made.low <= made.drop) & (made.drop <= made.high)).all()
    assert "lost without" in repr(made)
    table = made.table()
    assert len(table["group"]) == 18 and table["output"].tolist()[:3] == [0, 1, 2]


def test_intervals_hold_what_more_of_the_same_says(found) -> None:
    """The fits as they are, told of 60 000 more samples: most intervals hold that drop."""
    _, _, made = found
    rng = np.random.default_rng(7)
    y = rng.normal(size=(60_000, 3))
    x = np.c_[y, y[:, 2], rng.normal(size=(60_000, 2))]
    x[:, :4] += 0.5 * rng.normal(size=(60_000, 4))
    y += 0.1 * rng.normal(size=y.shape)
    told = made.search.fits.predict(x)  # (without, outer, sample, output)
    r2 = np.array([[metrics.r2(y, p) for p in one] for one in told]).mean(axis=1)
    true = r2[0] - r2[1:]
    inside = (made.low - 1e-3 <= true) & (true <= made.high + 1e-3)
    assert inside.mean() > 0.8


@pytest.mark.slow
def test_groups_together_and_lags() -> None:
    """Units 2 and 3 tell the same: together they are missed, each alone is not."""
    x, y = recording()
    fit, area = decoding.linear_decoder(3), np.array(["a", "b", "c", "c", "d", "d"])
    past = np.stack([x, np.roll(x, 1, axis=0)], axis=1)  # (sample, lag, unit)
    made = importance(fit, past, y, NESTED, L2, area, resamples=100)
    assert made.names == ("a", "b", "c", "d") and made.drop[2, 2] > 0.7 and made.low[2, 2] > 0.5
    every = importance(fit, past, y, NESTED, L2, np.broadcast_to(area, (2, 6)), resamples=100)
    np.testing.assert_array_equal(every.drop, made.drop)
    lag = np.broadcast_to(np.arange(2)[:, None], (2, 6))
    lagged = importance(fit, past, y, NESTED, L2, lag, resamples=100, series=True)
    assert lagged.mean[0] > 0.5 and abs(lagged.mean[1]) < 0.01


@pytest.mark.slow
def test_a_network_over_sequences_and_categories() -> None:
    x, y = recording()
    past = np.stack([np.roll(x, 1, axis=0), x], axis=1)
    grid = axes.grid(l2=[1e-3], learning_rate=[1e-2])
    fit = decoding.recurrent(3, 16, 200)
    made = importance(fit, past, y, NESTED, grid, np.arange(6), series=True, resamples=100)
    assert made.drop[0].argmax() == 0 and made.low[0, 0] > 0.3
    assert np.abs(made.mean[4:]).max() < 0.1
    with pytest.raises(ValueError, match="the same weights at all times"):
        importance(fit, past, y, NESTED, grid, np.arange(12).reshape(2, 6))
    from jaxneuro.areas import softmax_regression

    side = (y[:, 0] > 0).astype(int)
    trials = np.arange(TIME) // 10
    told = importance(softmax_regression(2), x, side, NESTED, L2, np.arange(6), choice="accuracy",
                      score=metrics.accuracy, trials=trials, resamples=100)  # fmt: skip
    assert told.drop.shape == (6, 1) and told.low[0, 0] > 0.1 and abs(told.drop[5, 0]) < 0.03


@pytest.fixture(scope="module")
def compared():
    """Of a time series: unit 0 tells of the movement now, unit 1 of it two bins later."""
    rng = np.random.default_rng(3)
    y = np.convolve(rng.normal(size=TIME), np.exp(-np.arange(9) / 3))[:TIME, None]
    x = np.c_[y, np.roll(y, 2), rng.normal(size=(TIME, 2))]
    x[:, :2] += [0.5, 0.1] * rng.normal(size=(TIME, 2))
    few = (1e-3, 1e-1)
    decoders = {
        "Wiener filter": contenders.wiener(few),
        "Kalman filter": contenders.kalman_filter(noise=[1.0], lag=[0]),
    }
    made = decoding.decode(x, y, dt=0.05, lags=(0, 1), decoders=decoders, resamples=19)
    return x, y, made


def test_of_what_was_compared(compared) -> None:
    """The decoder as it was chosen, without each unit: as asked of `importance` itself."""
    x, y, made = compared
    one = made.decoders["Wiener filter"]
    lost = made.importance(decoder="Wiener filter", resamples=50)
    np.testing.assert_allclose(lost.score, made.sure["Wiener filter"].score, atol=1e-4)
    assert lost.names == (0, 1, 2, 3) and lost.mean.argmax() == 0
    design = one.view(x)[:, : int(one.chosen["lags"]) + 1]
    grid = axes.grid(l2=[one.chosen["l2"]])
    same = importance(decoding.linear_decoder(1), design, (y - made.centre) / made.spread,
                      made.splits, grid, np.arange(4), series=True, resamples=50)  # fmt: skip
    np.testing.assert_allclose(lost.drop, same.drop, atol=1e-5)
    np.testing.assert_allclose(lost.low, same.low, atol=1e-4)
    areas = made.importance(np.array(["M1", "PMd", "PMd", "PMd"]), "Wiener filter", 50)
    assert areas.names == ("M1", "PMd")


def test_it_is_on_the_page(compared, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    *_, made = compared
    without = made.report(tmp_path / "without").read_text()
    assert "Signals left out" not in without
    lost = made.importance(["a", "b", "noise", "noise"], "Wiener filter", 50)
    page = made.report(tmp_path / "with", importance=lost).read_text()
    assert "Signals left out" in page and "noise" in page
    assert (tmp_path / "with" / "importance.png").is_file()


def test_what_cannot_be_left_out_is_said(compared, tmp_path) -> None:
    *_, made = compared
    with pytest.raises(ValueError, match=r"Kalman filter is not fitted.*\['Wiener filter'\]"):
        made.importance(decoder="Kalman filter")
    with pytest.raises(ValueError, match="no decoder 'MLP'"):
        made.importance(decoder="MLP")
    made.save(tmp_path / "made.jaxneuro")
    with pytest.raises(ValueError, match="loaded"):
        jn.load(tmp_path / "made.jaxneuro").importance(decoder="Wiener filter")


def test_what_is_wrong_is_named() -> None:
    x, y = recording()
    for groups, message in ((np.arange(5), r"groups is \(5,\)"), (np.zeros(6, int), "one value")):
        with pytest.raises(ValueError, match=message):
            importance(decoding.linear_decoder(3), x, y, NESTED, L2, groups)


def test_the_figure(found) -> None:
    pytest.importorskip("matplotlib")
    from jaxneuro.report.figures.importance import importance as draw

    _, _, made = found
    figure = draw(made.mean, made.mean_low, made.mean_high, made.names, "R² lost")
    axes_ = figure.axes[0]
    shown = [label.get_text() for label in axes_.get_yticklabels()]
    assert shown == [str(made.names[i]) for i in np.argsort(-made.mean)]
    many = draw(np.arange(50.0), np.arange(50.0) - 1, np.arange(50.0) + 1, range(50), "R² lost")
    assert "30 of 50" in many.axes[0].get_title(loc="left")
    with pytest.raises(ValueError, match="must be"):
        draw([1.0], [0.0], [2.0], ["a", "b"], "R² lost")
