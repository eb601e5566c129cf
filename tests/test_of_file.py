"""Models of samples that lie in a file are those of the array in memory."""

import mmap

import jax
import numpy as np
import optax
import pytest

import jaxneuro as jn
from jaxneuro import models
from jaxneuro.models import files

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(90, 4, 3)).astype(np.float32)
Y = (X[:, 1] @ RANDOM.normal(size=(3, 6))).astype(np.float32)
AXES = [jn.axes.targets(6), jn.axes.folds(jn.splits.k_fold(90, 2)), jn.axes.grid(rate=[0.1, 0.3])]


def _descent(hyper):
    return optax.adam(hyper["rate"])


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "x.npy", X)
    return tmp_path / "x.npy"


def fits(model, x, key=0, **options):
    fit = jn.make_fit(model, jn.losses.squared_error, _descent, stop=jn.Stop(max_steps=40),
                      scores={"r2": jn.metrics.r2}, batch=16)  # fmt: skip
    return jn.fit_many(fit, jn.make_inputs(x, Y, key=key), AXES, **options)


@pytest.mark.parametrize("model", [models.linear(), models.mlp((5,))], ids=["linear", "mlp"])
@pytest.mark.parametrize("lanes", [8, 24])
def test_fits_are_those_of_the_array(path, model, lanes):
    rows = {"row": np.arange(90)}
    found = fits(models.of_file(model, path), rows, lanes=lanes)
    wanted = fits(model, X, lanes=lanes)
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-4)
    np.testing.assert_allclose(found.scores["r2"], wanted.scores["r2"], rtol=1e-3, atol=1e-3)
    few = found.predict({"row": np.array([3, 88, 3])})
    np.testing.assert_allclose(few, wanted.predict(X[[3, 88, 3]]), rtol=1e-3, atol=1e-3)


def test_rows_may_be_a_part_of_the_file(path):
    model, order = models.of_file(models.linear(), path), RANDOM.permutation(90)
    params = models.linear().init(jax.random.key(0), X[:1])
    params = jax.tree.map(lambda a: a + 1, params)
    told = model.apply(params, {"row": order[:7]})
    np.testing.assert_allclose(told, models.linear().apply(params, X[order[:7]]), rtol=1e-5)


class Pages(mmap.mmap):
    """Keeps what was asked for."""

    def madvise(self, option, start, length):
        assert option == mmap.MADV_WILLNEED and start % mmap.PAGESIZE == 0
        asked.append(range(start // mmap.PAGESIZE, -(-(start + length) // mmap.PAGESIZE)))
        return super().madvise(option, start, length)


asked: list = []


@pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="this system takes no advice")
@pytest.mark.parametrize("width", [3, 700, 5000])
def test_the_disk_is_asked_for_all_rows_at_once_and_for_no_others(path, width, monkeypatch):
    x = RANDOM.normal(size=(64, width)).astype(np.float32)
    np.save(path, x)
    header = path.stat().st_size - x.nbytes
    with open(path, "rb") as file:
        pages = Pages(file.fileno(), 0, access=mmap.ACCESS_READ)
    disk = files._Disk(np.ndarray(x.shape, x.dtype, pages, header))

    def pages_of(rows):
        asked.clear()
        np.testing.assert_array_equal(disk.read(np.array(rows, np.int32)), x[rows])
        return sorted(page for part in asked for page in part)

    def wanted(rows):
        ends = [(header + row * width * 4, header + (row + 1) * width * 4 - 1) for row in rows]
        return sorted({page for a, b in ends
                       for page in range(a // mmap.PAGESIZE, b // mmap.PAGESIZE + 1)})  # fmt: skip

    some = [0, 1, 2, 9, 33, 63]
    assert pages_of(some) == wanted(some) and len(asked) <= 4  # neighbours together
    assert pages_of([1, 9, 10]) == wanted([10])  # the others were just read
    monkeypatch.setattr(files, "_KEPT_BYTES", 0)
    for row in (20, 1, 20):  # read so long ago that it may be gone
        assert pages_of([row]) == wanted([row])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int16])
def test_rows_are_those_of_the_array_in_whatever_layout(tmp_path, order, dtype):
    x = np.asarray(RANDOM.integers(0, 100, (50, 7, 3)), dtype, order=order)
    np.save(tmp_path / "x.npy", x)
    held = models.of_file(models.linear(), tmp_path / "x.npy").apply
    told = files._rows(
        held.arguments[1].arguments[0], np.dtype(np.float32), np.array([[49, 0], [7, 7]])
    )
    np.testing.assert_array_equal(told, x[np.array([[49, 0], [7, 7]])].astype(np.float32))


def test_a_changed_file_is_another(path):
    first = models.of_file(models.linear(), path)
    assert first == models.of_file(models.linear(), path) and hash(first) == hash(first)
    np.save(path, 2 * X)
    second = models.of_file(models.linear(), path)
    assert first != second
    params = jax.tree.map(lambda a: a + 1, second.init(jax.random.key(0), {"row": np.arange(2)}))
    told = second.apply(params, {"row": np.arange(5)})
    np.testing.assert_allclose(told, models.linear().apply(params, 2 * X[:5]), rtol=1e-5)


def test_whole_numbers_become_real(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12, dtype=np.uint8).reshape(6, 2))
    model = models.of_file(models.linear(), tmp_path / "x.npy")
    params = {"readout": {"kernel": np.ones((2, 1), np.float32), "bias": np.zeros(1, np.float32)}}
    assert model.apply(params, {"row": np.array([5, 0])}).tolist() == [21, 1]
    halved = models.of_file(models.linear(), tmp_path / "x.npy", unit=2)
    assert halved.apply(params, {"row": np.array([5, 0])}).tolist() == [10.5, 0.5]


def test_what_cannot_be_saved_says_so(path, tmp_path):
    x, fit = {"row": np.arange(90)}, jn.make_fit(
        models.of_file(models.linear(), path), jn.losses.squared_error, optax.sgd(0.1),
        stop=jn.Stop(max_steps=3), batch=16,
    )  # fmt: skip
    nested = jn.splits.nested(jn.splits.blocks(90, 2), lambda i: jn.splits.blocks(len(i), 2))
    found = jn.search(fit, jn.make_inputs(x, Y), [jn.axes.targets(6)], nested)
    assert found.predictions.shape == (90, 6)
    with pytest.raises(TypeError, match=r"calls back to Python, as models.of_file does"):
        found.save(tmp_path / "found.zip")


def test_says_what_is_wrong(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        models.of_file(models.linear(), tmp_path / "none.npy")
    np.save(tmp_path / "words.npy", np.array(["a"]))
    with pytest.raises(
        ValueError, match=r"of_file: words.npy holds <U1 \(1,\): it must be numbers"
    ):
        models.of_file(models.linear(), tmp_path / "words.npy")
    with pytest.raises(ValueError, match=r"of_file: unit is 0, must be positive"):
        models.of_file(models.linear(), path, unit=0)
    model = models.of_file(models.linear(), path)
    with pytest.raises(TypeError, match=r'of_file: x is float32 \(1, 1\): give .* \{"row": numb'):
        fits(model, np.arange(90)[:, None])
    with pytest.raises(
        jax.errors.JaxRuntimeError, match=r"of_file: row 90 of .*x\.npy, which has 90"
    ):
        fits(model, {"row": np.arange(1, 91)})
    with pytest.raises(ValueError, match="standardise=True needs a model with a dense first layer"):
        jn.make_fit(model, jn.losses.squared_error, optax.sgd(0.1), standardise=True)
