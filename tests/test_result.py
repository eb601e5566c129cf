"""What a person keeps of a search: predictions out of fold, a table, a page, a file."""

import json
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxneuro import areas, axes, decoding, encoding, make_inputs, metrics, splits
from jaxneuro.crossval import search
from jaxneuro.inputs import stack_subjects
from jaxneuro.selection import LoadError, Search, archive, load
from tests.helpers import python

SAMPLES, NEURONS = 90, 3
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(SAMPLES, 4))
COUNTS = RANDOM.poisson(np.exp(X @ RANDOM.normal(0, 0.4, (4, NEURONS)))).astype(float)
FOLDS = splits.nested(splits.blocks(SAMPLES, 3), lambda index: splits.blocks(len(index), 2))
GRID = axes.grid(l2=[0.001, 0.01, 0.1])
MOVED = X @ RANDOM.normal(size=(4, 2)) + 0.1 * RANDOM.normal(size=(SAMPLES, 2)) + 1e6


@pytest.fixture(scope="module")
def glm():
    return encoding.encode(encoding.poisson_glm(), X, COUNTS, FOLDS, GRID)


@pytest.fixture(scope="module")
def decoder():
    return decoding.decode(decoding.linear_decoder(2), X, MOVED, FOLDS, GRID)


@pytest.fixture(scope="module")
def classifier():
    labels = (X[:, 0] > 0.3).astype(int) + (X[:, 1] > 0)
    return areas.identify(
        areas.softmax_regression(3), X, labels, FOLDS, GRID, refit_axes=[axes.seeds(2)]
    )


@pytest.mark.slow
def test_predictions_are_of_the_fold_that_held_the_sample_out(glm):
    assert glm.predictions.shape == (SAMPLES, NEURONS)
    every = glm.fits.predict(X)  # (neuron, outer, sample)
    for outer, test in enumerate(FOLDS.test[:, -1] > 0):
        np.testing.assert_allclose(glm.predictions[test], every[:, outer, test].T, rtol=1e-6)
        scored = metrics.correlation(COUNTS[test], glm.predictions[test], np.ones(test.sum()))
        np.testing.assert_allclose(scored, glm.fits.scores["correlation"][:, outer], rtol=1e-4)


def test_what_no_fold_held_out_is_missing():
    half = np.arange(SAMPLES) < 30
    nested = splits.nested(splits.holdout(half), lambda index: splits.blocks(len(index), 2))
    found = encoding.encode(encoding.linear(), X, COUNTS, nested, GRID)
    np.testing.assert_array_equal(np.isnan(found.predictions).all(axis=1), ~half)
    assert not np.isnan(found.predictions[half]).any()


def test_new_samples_are_predicted_by_the_mean_of_the_folds(glm, classifier):
    wanted = glm.fits.predict(X[:7]).mean(axis=1).T
    np.testing.assert_allclose(glm.predict(X[:7]), wanted, rtol=1e-6)
    probabilities = classifier.predict(X[:7])
    wanted = classifier.fits.predict(X[:7]).mean(axis=(0, 1))  # seeds, folds
    np.testing.assert_allclose(probabilities, wanted, rtol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_seeds_are_averaged_and_shifts_are_not(classifier):
    assert classifier.predictions.shape == (SAMPLES, 3)
    found = decoding.decode(
        decoding.linear_decoder(2), X, MOVED, FOLDS, GRID, refit_axes=[axes.shifts(4, 5)]
    )
    plain = found.fits.predict(X)[0]  # (outer, sample, output) of the data as observed
    first = FOLDS.test[0, -1] > 0
    np.testing.assert_allclose(found.predictions[first], plain[0, first], rtol=1e-9)


def test_predictions_and_y_are_in_the_units_of_y(decoder):
    assert decoder.predictions.dtype == np.float64
    np.testing.assert_allclose(decoder.observed, MOVED, atol=1e-6)
    assert np.abs(decoder.predictions - MOVED).max() < 1


def test_each_subject_by_its_own_fits():
    parts = [make_inputs(X + i, COUNTS * (i + 1)) for i in range(2)]
    found = search(
        encoding.linear(), stack_subjects(parts), [axes.subjects(2), axes.targets(NEURONS)],
        FOLDS, GRID, score="mean_squared_error",
    )  # fmt: skip
    assert found.predictions.shape == found.observed.shape == (SAMPLES, 2, NEURONS)
    alone = encoding.encode(encoding.linear(), X, COUNTS, FOLDS, GRID)
    for i in range(2):
        np.testing.assert_allclose(
            found.predictions[:, i] / (i + 1), alone.predictions, rtol=2e-3, atol=2e-3
        )


def test_the_table_has_a_row_for_each_target_and_fold(glm):
    table = glm.table()
    assert len(table["neuron"]) == 9 and set(table["outer"]) == {"0", "1", "2"}
    row = 1 * 3 + 2  # neuron 1, outer fold 2
    assert table["l2"][row] == pytest.approx(glm.selection.values["l2"][1, 2])
    assert table["inner_deviance"][row] == glm.selection.score[1, 2]
    assert table["correlation"][row] == glm.fits.scores["correlation"][1, 2]
    assert table["status"][row] == "converged"


def test_parameters_are_asked_for_by_labels(glm):
    wanted = jax.tree.map(lambda leaf: leaf[1, 2], glm.fits.params)
    for got, leaf in zip(*map(jax.tree.leaves, (glm.params_of(neuron=1, outer="2"), wanted)),
                         strict=True):  # fmt: skip
        np.testing.assert_array_equal(got, leaf)
    with pytest.raises(ValueError, match="no axis 'cell'; there are"):
        glm.params_of(cell=1)
    with pytest.raises(ValueError, match=r"no neuron 7; there are 0, 1, 2"):
        glm.params_of(neuron=7, outer="0")
    with pytest.raises(ValueError, match="which outer"):
        glm.params_of(neuron=1)


def the_same(found, given):
    assert found.score == given.score and found.total == given.total
    np.testing.assert_array_equal(found.predictions, given.predictions)
    np.testing.assert_array_equal(found.observed, given.observed)
    np.testing.assert_array_equal(found.predict(X[:9]), given.predict(X[:9]))
    table, other = found.table(), given.table()
    assert list(table) == list(other)
    for name in table:
        np.testing.assert_array_equal(table[name], other[name])
    assert jax.tree.structure(found.fits.params) == jax.tree.structure(given.fits.params)
    assert found.fits.statuses() == given.fits.statuses()
    assert found.selection.at_edges() == given.selection.at_edges()
    assert repr(found) == repr(given)


@pytest.mark.parametrize("which", ["glm", "decoder", "classifier"])
def test_what_is_saved_is_loaded(which, request, tmp_path):
    found = request.getfixturevalue(which)
    path = tmp_path / "deeper" / "result.jn"
    found.save(path)
    given = load(path)
    the_same(found, given)
    again = tmp_path / "again"
    given.save(again)  # what was loaded can be saved
    assert again.read_bytes() == path.read_bytes()
    with np.load(path) as file:
        np.testing.assert_array_equal(file["predictions"], found.predictions)


OWN_MODEL = """
import sys
import flax.linen as nn, numpy as np, jax.numpy as jnp
import jaxneuro as jn

class Mine(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1, name="b")(jnp.sin(nn.Dense(4, name="a")(x)))[:, 0]

x = np.random.default_rng(0).normal(size=(60, 3))
fit = jn.make_fit(jn.models.from_linen(Mine()), lambda p, y: jnp.abs(p - y) ** 1.5,
                  jn.optimizers.lbfgs(), jn.penalties.ridge(), jn.Stop(20))
nested = jn.splits.nested(jn.splits.blocks(60, 2), lambda i: jn.splits.blocks(len(i), 2))
found = jn.crossval.search(fit, jn.make_inputs(x, x[:, :2] ** 2), [jn.axes.targets(2)], nested,
                           jn.axes.grid(l2=[0.01, 0.1]))
found.save(sys.argv[1])
np.save(sys.argv[2], found.predict(x[:17]))
"""
ELSEWHERE = """
import sys
import numpy as np, jaxneuro as jn
x = np.random.default_rng(0).normal(size=(60, 3))
np.testing.assert_array_equal(jn.load(sys.argv[1]).predict(x[:17]), np.load(sys.argv[2]))
assert jn.load(sys.argv[1]).predict(x).shape == (60, 2)
"""


@pytest.mark.slow
def test_another_process_predicts_without_the_models_code(tmp_path):
    files = str(tmp_path / "found"), str(tmp_path / "wanted.npy")
    python(OWN_MODEL, *files)
    python(ELSEWHERE, *files)


def test_a_damaged_or_foreign_file_is_refused(glm, tmp_path):
    path = tmp_path / "result"
    glm.save(path)
    whole = path.read_bytes()
    for at in RANDOM.integers(2, len(whole), 40):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(LoadError, match="damaged"):
            load(path)
    path.write_bytes(whole[:-10])
    with pytest.raises(LoadError, match="damaged"):
        load(path)
    path.write_bytes(b"\x93NUMPY")
    with pytest.raises(LoadError, match="no result of jaxneuro"):
        load(path)
    np.savez(path.with_suffix(".npz"), x=X)
    with pytest.raises(LoadError, match="no result of jaxneuro"):
        load(path.with_suffix(".npz"))
    archive.write(path, {"x": X}, {"manifest.json": b"{}"})
    with pytest.raises(LoadError, match="no manifest"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


def test_a_later_format_is_told(glm, tmp_path):
    path = tmp_path / "result"
    glm.save(path)
    arrays, texts = archive.read(path)
    manifest = json.loads(texts["manifest.json"])
    manifest["format"] += 1
    archive.write(path, arrays, texts | {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(LoadError, match="later format"):
        load(path)


def test_a_failed_write_leaves_the_old_file(glm, tmp_path, monkeypatch):
    path = tmp_path / "result"
    path.write_bytes(b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        glm.save(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_without_flatbuffers_all_but_the_function_is_saved(glm, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    monkeypatch.delitem(sys.modules, "jax._src.export.serialization", raising=False)
    with pytest.warns(UserWarning, match=r'pip install "jaxneuro\[save\]"'):
        glm.save(tmp_path / "result")
    given = load(tmp_path / "result")
    np.testing.assert_array_equal(given.predictions, glm.predictions)
    with pytest.raises(ValueError, match=r'pip install "jaxneuro\[save\]"'):
        given.predict(X)


@pytest.mark.parametrize("which", ["glm", "decoder", "classifier"])
def test_a_page_in_one_call(which, request, tmp_path):
    pytest.importorskip("matplotlib")
    found = request.getfixturevalue(which)
    page = found.report(tmp_path / "page", title="<Cells>")
    text = page.read_text()
    assert page == tmp_path / "page" / "report.html" and "&lt;Cells&gt;" in text
    names = {path.name for path in page.parent.iterdir()}
    assert names >= {"report.html", "summary.json", "fits.csv"}
    assert ("confusion.png" if which == "classifier" else "predictions.png") in names
    facts = json.loads((page.parent / "summary.json").read_text())
    first = found.fits.fit.better[0][0]
    assert facts["fits"] == found.total and first in facts["score_name"]
    assert facts["score"] == pytest.approx(float(np.nanmean(found.fits.scores[first])), rel=1e-5)
    rows = (page.parent / "fits.csv").read_text().splitlines()
    assert len(rows) == 1 + len(found.fits)


def test_one_result_for_all_jobs(glm, decoder, classifier):
    for found in (glm, decoder, classifier):
        assert isinstance(found, Search)


def test_parameters_that_were_not_kept_are_told():
    found = encoding.encode(encoding.linear(), X, COUNTS, FOLDS, GRID)
    bare = replace(found, fits=replace(found.fits, params=None))
    for call in (lambda: bare.predictions, lambda: bare.predict(X), bare.params_of):
        with pytest.raises(ValueError, match="not kept"):
            call()
