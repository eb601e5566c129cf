"""`encoding.fit_neurons`: what it chooses, how sure it is, and what it refuses."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

import jaxneuro
from jaxneuro import axes, encoding
from jaxneuro.encoding import given, neurons_responses
from jaxneuro.encoding.repeats import by_condition, repeats

GRID = axes.grid(l2=[1e-3, 1e-1])


def _recording(samples: int = 1200, neurons: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Counts that follow the stimulus three bins late, and fall silent after spikes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 4))
    drive = 0.7 * np.roll(x, 3, axis=0)[:, :neurons]
    y, refractory = np.zeros((samples, neurons)), np.zeros(neurons)
    for t in range(samples):
        y[t] = rng.poisson(np.exp(drive[t] - 1.5 * refractory))
        refractory = 0.5 * refractory + y[t]
    return x, y


pytestmark = pytest.mark.slow  # one recording by several models, and all that comes of it


@pytest.fixture(scope="module")
def found() -> encoding.Neurons:
    x, y = _recording()
    y[30:40, 1] = np.nan
    models = {
        "plain": encoding.Candidate(encoding.poisson_glm(), GRID),
        "history": encoding.Candidate(encoding.poisson_glm(), GRID, history=True),
    }
    stimulus = np.arange(len(x)) % 100
    return encoding.fit_neurons(
        x, y, dt=0.01, stimulus=stimulus, models=models, lags=(0, 3), folds=3, resamples=99
    )


def test_what_the_data_have_is_chosen(found):
    assert (found.chosen == "history").all() and found.best == "history"
    table = found.table()
    assert (table["lags"] == 3).all() and (table["p"] <= 0.05).all()
    assert ((table["low"] < table["correlation"]) & (table["correlation"] < table["high"])).all()
    bits = {model: scores["bits_per_spike"] for model, scores in found.scores.items()}
    assert (bits["history"] > bits["plain"] + 0.05).all()
    np.testing.assert_array_equal(table["bits_per_spike"], bits["history"])


def test_a_shuffled_stimulus_has_no_ceiling(found):
    assert found.repeats is not None and found.repeats.conditions == 100
    low, high = found.repeats.low, found.repeats.high
    assert ((low < 0.05) & (high > -0.05) & (low < high)).all()


def test_notes_say_what_was_decided(found):
    told = " ".join(found.notes)
    for words in ("counts", "0, 3", "held out (the end of the series)", "100 repeated"):
        assert words in told


def test_new_samples_are_predicted_from_their_past(found):
    x, y = _recording()
    every = found.predict(x, y)
    np.testing.assert_allclose(found.predict(x[:700], y[:700]), every[:700], rtol=1e-5)
    seen = ~np.isnan(found.predictions).all(axis=1)
    later = seen & (np.arange(len(x)) > 60)  # what was missing is given here
    np.testing.assert_allclose(found.predictions[later], every[later], rtol=2e-4)
    ahead = y.copy()
    ahead[1000:] += 5
    np.testing.assert_array_equal(found.predict(x, ahead)[:1001], every[:1001])
    with pytest.raises(ValueError, match="give y"):
        found.predict(x)


def test_the_page(found, tmp_path):
    pytest.importorskip("matplotlib")
    page = found.report(tmp_path).read_text()
    assert "Ceilings, 100 repeated stimuli" in page and "history" in page
    assert {p.name for p in tmp_path.glob("*.png")} == {
        "scores.png", "ceilings.png", "predictions.png", "fields.png"
    }  # fmt: skip
    assert "that pull not included" in page and "whose band holds 0 is pale" in page


def test_fields_are_those_of_the_truth(found):
    models, weights = found.fields([2, 0])
    assert models.tolist() == ["history", "history"] and weights.shape == (2, 4, 4)
    truth = np.zeros((2, 4, 4))
    truth[0, 3, 2] = truth[1, 3, 0] = 0.7
    np.testing.assert_allclose(weights, truth, atol=0.2)


def test_bands_of_the_fields_are_about_them(found):
    best = np.array([2, 0])
    models, weights = found.fields(best)
    bands = neurons_responses.field_bands(found, best, models)
    assert bands is not None
    low, high = (end.reshape(weights.shape) for end in bands)
    assert ((low <= weights) & (weights <= high)).mean() > 0.9
    assert low[0, 3, 2] > 0 and low[1, 3, 0] > 0  # what is there is told from 0
    assert ((low <= 0) & (high >= 0)).sum() >= 25  # of 30 that are not


def test_what_a_network_responds_to_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 3))
    y = np.abs(x[:, :1]) + 0.1 * rng.normal(size=(600, 1))
    models = {"MLP": encoding.Candidate(encoding.mlp((8,), 100), axes.grid(l2=[1e-3]))}
    shown = np.arange(600) % 12
    made = encoding.fit_neurons(x, y, models=models, stimulus=shown, resamples=19)
    made.report(tmp_path)
    drawn = {p.name for p in tmp_path.glob("*.png")}
    assert {"exciting.png", "tuning.png"} <= drawn and "fields.png" not in drawn
    (image,) = (p for p in neurons_responses.pictures(made, np.array([0])) if p.name == "exciting")
    assert "excites the model" in image.caption


def test_what_is_saved_comes_back(found, tmp_path):
    pytest.importorskip("flatbuffers")
    path = tmp_path / "neurons.jn"
    found.save(path)
    again = jaxneuro.load(path)
    assert isinstance(again, encoding.Neurons) and again.notes == found.notes
    assert repr(again) == repr(found) and again.design.lags == found.design.lags
    assert neurons_responses.field_bands(again, np.array([0]), found.chosen[:1]) is None
    ours, theirs = found.table(), again.table()
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_array_equal(theirs[name], values)
    x, y = _recording(300)
    np.testing.assert_array_equal(again.predict(x, y), found.predict(x, y))
    np.testing.assert_array_equal(again.predictions, found.predictions)
    assert again.repeats is not None and found.repeats is not None
    np.testing.assert_array_equal(again.repeats.normalised, found.repeats.normalised)


def test_nothing_reaches_over_the_edge_of_a_trial():
    x, y = _recording(1000)
    trials = np.arange(1000) // 20
    model = {"glm": encoding.Candidate(encoding.poisson_glm(), axes.grid(l2=[0.1]), history=True)}
    found = encoding.fit_neurons(
        x, y, dt=0.01, trials=trials, models=model, lags=(3,), resamples=19
    )
    whole = found.predict(x, y, trials)
    alone = found.predict(x[500:520], y[500:520])
    np.testing.assert_allclose(whole[500:520], alone, rtol=1e-5)
    held = ~np.isnan(found.predictions[:, 0])
    assert set(np.bincount(trials, held)) == {0, 20}  # whole trials


def test_a_reliable_neuron_is_predicted_up_to_its_ceiling():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(60, 5))
    stimulus = np.tile(np.arange(60), 10)
    signal = images @ rng.normal(size=(5, 2))
    y = signal[stimulus] + rng.normal(size=(600, 2)) * [1.0, 4.0] * signal.std(axis=0)
    models = {"ridge": encoding.Candidate(encoding.linear(), GRID)}
    found = encoding.fit_neurons(images[stimulus], y, stimulus=stimulus, models=models)
    assert found.repeats is not None
    held = ~np.isnan(found.predictions[:, 0])
    assert not set(stimulus[held]) & set(stimulus[~held])
    truth = np.array([1 / 2, 1 / 17])
    np.testing.assert_allclose(found.repeats.ceilings.explainable_variance, truth, atol=0.07)
    assert found.repeats.normalised[0] == pytest.approx(1, abs=0.05)
    assert ((found.repeats.low < truth) & (truth < found.repeats.high)).all()


def test_repeats_are_put_side_by_side():
    y = np.arange(14.0).reshape(7, 2)
    told = by_condition(y, np.array([1, 0, 1, 2, 0, 1, 3]))
    np.testing.assert_array_equal(told[0], [[2, 3], [8, 9], [np.nan, np.nan]])
    np.testing.assert_array_equal(told[1], [[0, 1], [4, 5], [10, 11]])
    assert repeats(y, y, np.arange(7)) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x": np.full((90, 2), np.nan)}, "x has values that are NaN"),
        ({"y": np.ones((80, 2))}, r"y has shape \(80, 2\)"),
        ({"y": np.full((90, 2), "a")}, "y has dtype"),
        ({"dt": 0.0}, "dt is 0.0"),
        ({"trials": np.ones(3)}, r"trials has shape \(3,\)"),
        ({"stimulus": np.ones((90, 2))}, "stimulus has shape"),
        ({"lags": (0, 1)}, "give dt"),
        ({"lags": (-1,), "dt": 0.1}, "lags is"),
    ],
)
def test_bad_input_is_named(changed, words):
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(90, 2)), "y": rng.normal(size=(90, 2)), **changed}
    with pytest.raises(ValueError, match=words):
        encoding.fit_neurons(**given)


def test_the_lasso_is_that_of_sklearn():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(200, 6)) * np.arange(1, 7), rng.normal(size=(200, 2))
    y[:, 0] += x[:, 2]
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    inputs = jaxneuro.make_inputs(x, y, hyper={"l1": 0.05})
    found = jaxneuro.fit_many(encoding.lasso(), inputs, [axes.targets(2)])
    wanted = Lasso(alpha=0.05).fit((x - x.mean(axis=0)) / x.std(axis=0), y)
    kernel = np.squeeze(found.params["readout"]["kernel"])
    np.testing.assert_allclose(kernel * x.std(axis=0), wanted.coef_, atol=2e-3)
    assert (np.abs(wanted.coef_) < 1e-9).any()


def test_nothing_shown_is_no_stimulus_and_moments_are_compared_with_their_like():
    """Presentations of 5 frames, blanks of 5 between: of frames, ceilings compare the k-th ones."""
    rng = np.random.default_rng(1)
    order = np.concatenate([rng.permutation(12) for _ in range(10)])
    label = np.where(np.arange(10) < 5, order[:, None], np.nan).ravel()
    course = np.array([0.0, 1, 3, 2, 1])
    drive = rng.normal(size=(12, 2))
    signal = np.zeros((120, 10, 2))
    signal[:, :5] = drive[order][:, None] * course[:, None]
    y = signal.reshape(-1, 2) + rng.normal(size=(1200, 2))
    x = np.eye(12)[np.nan_to_num(label).astype(int)] * ~np.isnan(label)[:, None]
    models = {"linear": encoding.Candidate(encoding.linear(), (axes.grid(l2=[0.1, 1.0]),))}
    found = encoding.fit_neurons(
        x, y, dt=0.1, stimulus=label, models=models, lags=(0, 3), folds=3, resamples=19
    )
    assert found.repeats is not None and found.repeats.conditions == 60
    power = signal[:, :5].reshape(-1, 2).var(axis=0)
    ceiling = found.repeats.ceilings.explainable_variance
    np.testing.assert_allclose(ceiling, power / (power + 1), atol=0.12)
    names = np.where(np.isnan(label), "", np.nan_to_num(label).astype(int).astype(str))
    again = given.numbered(names, None, True)
    assert ((again < 0) == np.isnan(label)).all() and len(np.unique(again)) == 61
    objects = np.array([None if n == "" else n for n in names], object)
    np.testing.assert_array_equal(given.numbered(objects, None, True), again)
    alone = given.check(x, y, None, None, None, label)
    assert alone.shown is not None and alone.whole is not None
    assert len(np.unique(alone.whole)) == 12 + 600


def test_a_blank_of_thousands_of_repeats_is_cut():
    y = np.random.default_rng(0).normal(size=(3000, 2))
    shown = np.r_[np.zeros(2000, int), np.arange(1000) % 10 + 1]
    told = by_condition(y, shown)
    assert told.shape == (11, 64, 2)
    np.testing.assert_array_equal(told[0], y[:64])


def test_p_of_stimuli_is_found_where_models_see_the_stimulus_alone():
    """It came of rounding once: nothing moves within the repeats of a stimulus."""
    rng = np.random.default_rng(0)
    image, order = rng.normal(size=(40, 8)), np.repeat(np.arange(40), 12)
    weights = rng.normal(size=(8, 6)) * [1, 1, 1, 0, 0, 0]
    y = (image @ weights)[order] + rng.normal(size=(480, 6))
    models = {"linear": encoding.Candidate(encoding.linear(), (axes.grid(l2=[0.1, 1.0]),))}
    found = encoding.fit_neurons(image[order], y, stimulus=order, models=models, resamples=199)
    assert (found.sure.p[:3] <= 0.02).all() and (found.sure.p[3:] > 0.02).all()
