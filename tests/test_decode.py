"""`decoding.decode` in one call: decoders on identical folds, chosen without the held-out part."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

import jaxneuro as jn
from jaxneuro import decoding
from jaxneuro.decoding.contenders import closed_form, kalman_filter, mlp, recurrent, softmax, wiener

FEW = (1e-3, 1e-1, 10.0)


def movement(samples=600, neurons=12, seed=0, delay=0):
    """A smooth movement of two outputs, and square roots of counts that tell of it."""
    rng = np.random.default_rng(seed)
    kernel = np.exp(-np.arange(20) / 6)
    drive = rng.normal(size=(samples, 2))
    y = np.stack([np.convolve(drive[:, i], kernel)[:samples] for i in range(2)], axis=1)
    ahead = np.roll(y, -delay, axis=0)  # neurons lead the movement
    x = np.sqrt(rng.poisson(np.exp(0.3 * ahead @ rng.normal(size=(2, neurons)) + 1)))
    return x, y * [30, 0.01] + [500, 3]


@pytest.fixture(scope="module")
def series():
    x, y = movement(delay=3)
    decoders = {"Wiener filter": wiener(FEW), "Kalman filter": kalman_filter(noise=[0.3, 1, 3])}
    found = decoding.decode(x, y, dt=0.05, lags=(0, 5), decoders=decoders, resamples=99)
    return x, y, found


@pytest.fixture(scope="module")
def categories():
    rng = np.random.default_rng(1)
    labels = np.repeat(["face", "house", "shoe"], 80)[rng.permutation(240)]
    x = rng.normal(size=(240, 8)) * np.logspace(-2, 2, 8) + 40
    x[labels == "face", :3] += [0.02, 0.06, 0.3]
    decoders = {"softmax": softmax(FEW), "LDA": closed_form("lda")}
    return x, labels, decoding.decode(x, labels, decoders=decoders, resamples=99)


def test_what_neurons_tell_is_decoded_in_the_units_of_y(series):
    _, y, found = series
    held = found.splits.test[0, -1] > 0
    assert np.isnan(found.predictions[~held]).all()
    for name in found.decoders:
        told = found.predictions_of(name)[held]
        r2 = 1 - np.square(told - y[held]).sum(0) / np.square(y[held] - y[held].mean(0)).sum(0)
        np.testing.assert_allclose(found.sure[name].score, r2, atol=1e-4)
        assert r2.min() > 0.4
    assert found.constant < 0.05


def test_lags_are_chosen_where_neurons_lead(series):
    *_, found = series
    assert found.decoders["Wiener filter"].chosen["lags"] == 5
    assert found.decoders["Kalman filter"].chosen["lags"] >= 2


def test_the_decoder_is_chosen_by_inner_scores(series):
    *_, found = series
    inner = {name: one.inner for name, one in found.decoders.items()}
    assert found.chosen == max(inner, key=inner.__getitem__)
    rows = found.table()
    assert len(rows["decoder"]) == 4
    assert set(rows["decoder"][rows["chosen"]]) == {found.chosen}


def test_a_wiener_filter_is_the_ridge_solution(series):
    """In closed form, of the design and at the strength that were chosen."""
    x, y, found = series
    one = found.decoders["Wiener filter"]
    assert one.chosen["lags"] == 5  # all that was laid out
    design = jn.features.lags(x - np.median(x, axis=0), 6)
    exact, _ = decoding.exact_linear(design, y, found.splits, np.array([one.chosen["l2"]]))
    held = found.splits.test[0, -1] > 0
    gap = (exact[0] - found.predictions_of("Wiener filter"))[held] / y.std(axis=0)
    assert np.abs(gap).max() < 2e-3


def test_a_wiener_filter_of_features_by_a_power_of_their_deviation(series):
    x, y, found = series
    x = x * np.linspace(0.1, 3, x.shape[1])
    decoders = {"Wiener filter": wiener((1e-2,), powers=(0.5,))}
    again = decoding.decode(x, y, dt=0.05, lags=(5,), decoders=decoders, resamples=99)
    design = jn.features.lags(x - np.median(x, axis=0), 6)
    exact, plain = (
        decoding.exact_linear(design, y, again.splits, np.array([1e-2]), power)[0][0]
        for power in (np.array([0.5]), None)
    )
    held = found.splits.test[0, -1] > 0
    told = again.predictions_of("Wiener filter")
    gap, other = (np.abs((a - told)[held] / y.std(axis=0)).max() for a in (exact, plain))
    assert gap < 2e-3 < other


def test_what_was_held_out_changes_no_choice(series):
    x, y, found = series
    held = found.splits.test[0, -1] > 0
    other = np.where(held[:, None], np.random.default_rng(3).normal(size=y.shape), y)
    decoders = {"Wiener filter": wiener(FEW), "Kalman filter": kalman_filter(noise=[0.3, 1, 3])}
    again = decoding.decode(x, other, dt=0.05, lags=(0, 5), decoders=decoders, resamples=99)
    for name, one in found.decoders.items():
        assert again.decoders[name].inner == one.inner
        assert again.decoders[name].chosen == one.chosen
        np.testing.assert_array_equal(again.predictions_of(name), found.predictions_of(name))


def test_new_samples_are_predicted_as_the_held_out_ones(series, categories):
    for x, _, found in (series, categories):
        for name in found.decoders:
            whole = found.predict(x, decoder=name)
            there = ~np.isnan(found.predictions_of(name))
            gap = np.abs(whole - found.predictions_of(name))[there]
            scale = 1 if found.classes else found.spread.max()
            assert gap.max() < 1e-5 * scale, name


@pytest.mark.slow
def test_the_future_is_seen_only_where_asked():
    """Neurons that follow the movement by two samples."""
    x, y = movement(delay=-2, seed=5)
    decoders = {"filter": wiener(FEW)}
    now, later = (
        decoding.decode(x, y, dt=0.05, lags=(0, 2), future=future, decoders=decoders, resamples=9)
        for future in (0, 3)
    )
    assert later.sure["filter"].mean > now.sure["filter"].mean + 0.05
    changed = x.copy()
    changed[400:] += 10
    before = slice(0, 397)
    np.testing.assert_array_equal(later.predict(changed)[before], later.predict(x)[before])
    np.testing.assert_array_equal(now.predict(changed)[:400], now.predict(x)[:400])


@pytest.mark.slow
def test_no_lag_reaches_over_a_trial():
    x, y = movement(samples=400)
    trials = np.repeat(np.arange(20), 20)
    found = decoding.decode(x, y, dt=0.05, trials=trials, lags=(0, 5), resamples=9,
                            decoders={"filter": wiener(FEW)})  # fmt: skip
    changed = x.copy()
    changed[19] += 10  # the last of the first trial
    told, other = found.predict(x, trials), found.predict(changed, trials)
    np.testing.assert_array_equal(told[20:], other[20:])
    assert {*np.unique(trials[found.splits.test[0, -1] > 0])}.isdisjoint(
        np.unique(trials[found.splits.train[0, -1] > 0])
    )


def test_categories_by_name(categories):
    x, labels, found = categories
    assert found.classes == ("face", "house", "shoe")
    held, fitted = found.splits.test[0, -1] > 0, found.splits.train[0, -1] > 0
    scale = StandardScaler().fit(x[fitted])
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    theirs.fit(scale.transform(x[fitted]), labels[fitted])
    told = theirs.predict_proba(scale.transform(x[held]))
    np.testing.assert_allclose(found.predictions_of("LDA")[held], told, atol=2e-3)
    accuracy = (theirs.predict(scale.transform(x[held])) == labels[held]).mean()
    assert found.sure["LDA"].mean == pytest.approx(accuracy, abs=1e-6)
    assert found.constant == pytest.approx(
        max((labels[held] == name).mean() for name in found.classes if
            (labels[fitted] == name).sum() == max((labels[fitted] == n).sum()
                                                  for n in found.classes))
    )  # fmt: skip


def test_a_result_is_kept_and_read(series, categories, tmp_path):
    for i, (x, _, found) in enumerate((series, categories)):
        found.save(tmp_path / f"{i}.jaxneuro")
        again = jn.load(tmp_path / f"{i}.jaxneuro")
        assert isinstance(again, decoding.Decoded)
        assert repr(again) == repr(found) and again.notes == found.notes
        for name, values in found.table().items():
            np.testing.assert_array_equal(again.table()[name], values)
        for name in found.decoders:
            np.testing.assert_allclose(
                again.predict(x, decoder=name), found.predict(x, decoder=name), rtol=1e-6, atol=1e-6
            )


def test_a_report_is_written(series, categories, tmp_path):
    for i, (*_, found) in enumerate((series, categories)):
        page = found.report(tmp_path / str(i))
        text = page.read_text()
        assert all(name in text for name in found.decoders)
    assert "LDA takes them for" in text or "softmax takes them for" in text


@pytest.mark.slow
def test_networks_over_time_are_decoders_too():
    x, y = movement(samples=300)
    decoders = {
        "MLP": mlp((8,), steps=40),
        "GRU": recurrent(8, steps=40, dropout=0.0, strengths=[1e-3, 1e-2]),
    }
    found = decoding.decode(x, y, dt=0.05, lags=(3,), decoders=decoders, resamples=9)
    for name in decoders:
        assert found.sure[name].mean > 0.1
        there = ~np.isnan(found.predictions_of(name))
        gap = np.abs(found.predict(x, decoder=name) - found.predictions_of(name))[there]
        assert gap.max() < 1e-4 * found.spread.max()


def test_a_decoder_of_ones_own():
    """A function of the recording: here the mean of what is fitted."""

    def constant(recording):
        from jaxneuro.decoding.contender import Classifier, Contender, View

        held = recording.held[:, None]
        zero = Classifier(np.zeros((recording.x.shape[1], 2)), np.zeros(2))
        told = np.where(held, 0.0, np.nan) * np.ones(recording.y.shape[1])
        return Contender(zero, View(), told, -1.0)

    x, y = movement(samples=200)
    found = decoding.decode(x, y, decoders={"constant": constant}, resamples=9)
    assert found.sure["constant"].mean == pytest.approx(found.constant, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"x": np.full((50, 2), np.nan)}, "x has values that are NaN"),
        ({"y": np.zeros((40, 2))}, "y has shape"),
        ({"y": np.full((50, 1), np.inf)}, "y has infinite"),
        ({"dt": -1.0}, "dt is -1"),
        ({"lags": (1,)}, "give dt"),
        ({"future": 2}, "give dt"),
        ({"trials": np.zeros(3)}, "trials has shape"),
        ({"groups": np.zeros(3)}, "groups has shape"),
        ({"decoders": {}}, "decoders is empty"),
    ],
)
def test_what_is_wrong_is_told_by_name(change, word):
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(50, 2)), "y": rng.normal(size=(50, 1))} | change
    x, y = given.pop("x"), given.pop("y")
    with pytest.raises(ValueError, match=word):
        decoding.decode(x, y, **given)


def test_what_would_take_long_is_left_out_and_told():
    from jaxneuro.decoding.contenders import suited
    from jaxneuro.decoding.recording import make_recording

    rng = np.random.default_rng(0)
    notes: list[str] = []
    given = dict(dt=0.1, trials=None, groups=None, test=None, lags=None, ahead=0, folds=3, seed=0)
    x, y = rng.normal(size=(600, 500)), rng.normal(size=(600, 2))
    recording = make_recording(x, y, **given, progress=None, notes=notes)
    made = suited(recording, notes)
    assert set(made) == {"Wiener filter", "Wiener cascade"}
    assert [note.split(" was")[0] for note in notes[-3:]] == ["MLP", "GRU", "Kalman filter"]
