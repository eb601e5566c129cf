"""Results on disk: whole or not there, told apart, resumed to the same bits."""

import hashlib
import json

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import LANES, POISSON, assert_same_bits, counts, problem

from jaxneuro import (
    Axis,
    Stop,
    axes,
    fit_many,
    losses,
    make_fit,
    models,
    optimizers,
    penalties,
)
from jaxneuro.engine.checks import fit_text
from jaxneuro.engine.lanes import flatten_axes
from jaxneuro.engine.results import Results
from jaxneuro.engine.store import Store, fingerprint

RUN = {"fit": "poisson", "lanes": 3}


def grid(*strengths):
    return [axes.targets(8), axes.grid(strength=strengths or (0.1, 1.0, 3.0))]


def run(out, fit=POISSON, inputs=None, every=None, lanes: int | str = LANES, **options):
    inputs = problem() if inputs is None else inputs
    return fit_many(
        fit, inputs, grid() if every is None else every, lanes=lanes, out=out, **options
    )


@pytest.fixture
def often(monkeypatch):
    """Each look at the lanes writes a chunk."""
    monkeypatch.setattr("jaxneuro.engine.results._CHUNK_SECONDS", 0.0)


@pytest.fixture
def fitted(monkeypatch):
    """Numbers of the fits that were run, and not read."""
    numbers, add = [], Results.add

    def spy(self, fits, found):
        numbers.extend(int(i) for i in fits)
        return add(self, fits, found)

    monkeypatch.setattr(Results, "add", spy)
    return numbers


def test_chunks_bear_their_checksum_and_hold_each_fit_once(tmp_path, often):
    fits = run(tmp_path)
    chunks = sorted(tmp_path.glob("chunk-*.npz"))
    assert len(chunks) > 2
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["manifest.json", *[p.name for p in chunks]]
    )
    found = []
    for path in chunks:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in path.name
        with np.load(path, allow_pickle=False) as chunk:
            found.extend(chunk["fit"])
            np.testing.assert_array_equal(chunk[".loss"], fits.loss.ravel()[chunk["fit"]])
    assert sorted(found) == list(range(len(fits)))


def test_a_finished_run_is_read_and_not_fitted_again(tmp_path, fitted):
    fits = run(tmp_path)
    fitted.clear()
    again = run(tmp_path)
    assert fitted == []
    assert np.isnan(again.useful)
    assert_same_bits(again, fits)


def test_a_flipped_byte_is_set_aside_and_fitted_again(tmp_path, often, fitted):
    fits = run(tmp_path)
    path = sorted(tmp_path.glob("chunk-*.npz"))[1]
    data = bytearray(path.read_bytes())
    with np.load(path) as chunk:
        lost = chunk["fit"]
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    fitted.clear()
    with pytest.warns(UserWarning, match=f"{path.name} is damaged"):
        again = run(tmp_path)
    assert sorted(fitted) == sorted(lost)
    assert_same_bits(again, fits)
    assert path.with_suffix(".damaged").exists()
    assert_same_bits(run(tmp_path), fits)  # without a warning


def test_a_chunk_that_is_lost_is_fitted_again(tmp_path, often, fitted):
    fits = run(tmp_path)
    sorted(tmp_path.glob("chunk-*.npz"))[0].unlink()
    fitted.clear()
    assert_same_bits(run(tmp_path), fits)
    assert 0 < len(fitted) < len(fits)


def test_leftovers_of_a_write_that_was_cut_short_are_ignored(tmp_path):
    fits = run(tmp_path)
    (tmp_path / ".chunk-000000000-00.npz.7.part").write_bytes(b"half a chu")
    assert_same_bits(run(tmp_path), fits)


def test_lanes_are_kept_on_resuming(tmp_path):
    fits = run(tmp_path)
    again = run(tmp_path, lanes="auto")
    assert again.lanes == fits.lanes
    assert_same_bits(again, fits)


def test_only_scores(tmp_path, fitted):
    lean = run(tmp_path, keep="scores")
    (chunk,) = tmp_path.glob("chunk-*.npz")
    with np.load(chunk) as leaves:
        assert not any("params" in name for name in leaves)
    fitted.clear()
    assert_same_bits(run(tmp_path, keep="scores"), lean)
    assert fitted == []


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"seed": 1}, "inputs"),
        ({"learning_rate": 0.1}, "inputs"),
        ({"key": 8}, "inputs"),
        ({"every": grid(0.1, 1.0, 4.0)}, "selects"),
        ({"every": [axes.targets(8, name="cell"), *grid()[1:]]}, "axes"),
        ({"rows": [[0, 0]]}, "rows"),
        ({"lanes": 2}, "lanes"),
        ({"keep": "scores"}, "keep"),
    ],
    ids=["data", "hyper", "key", "grid", "axes", "rows", "lanes", "keep"],
)
def test_another_run_is_refused(tmp_path, changed, fact, fitted):
    (tmp_path / "x").mkdir()
    run(tmp_path)
    fitted.clear()
    options = dict(changed)
    data = {name: options.pop(name) for name in ("seed", "learning_rate") if name in options}
    with pytest.raises(ValueError, match=rf"holds another run: (.*, )?{fact} \(was .*, is .*\)"):
        run(tmp_path, inputs=problem(**data), **options)
    assert fitted == []


def test_another_fit_is_refused(tmp_path, monkeypatch, fitted):
    """What makes it another is told by `fit_text`, below."""
    run(tmp_path)
    fitted.clear()
    monkeypatch.setattr("jaxneuro.engine.checks.fit_text", lambda *_: "longer")
    with pytest.raises(ValueError, match=r"holds another run: fit \(was \w+, is longer\)"):
        run(tmp_path)
    assert fitted == []


def stop_after(steps, **stop):
    return make_fit(
        models.linear(), losses.poisson, optimizers.lbfgs(3), penalties.ridge("strength"),
        Stop(max_steps=steps, **stop),
    )  # fmt: skip


def texts(*fits, inputs=None, every=None):
    inputs = problem() if inputs is None else inputs
    return [fit_text(fit, inputs, flatten_axes(every or grid())) for fit in fits]


def test_the_same_fit_made_again_is_the_same():
    one, two = texts(stop_after(50), stop_after(50))
    assert one == two


def test_another_program_is_another_fit():
    ridge, lbfgs = penalties.ridge("strength"), optimizers.lbfgs(3)
    stop = Stop(max_steps=50)
    linear = models.linear()
    fits = [
        stop_after(50),
        stop_after(51),
        stop_after(50, gradient=1e-4),
        stop_after(50, plateau=3),
        stop_after(50, least_fall=1e-6),
        make_fit(linear, losses.half_squared_error, lbfgs, ridge, stop),
        make_fit(linear, losses.poisson, optimizers.lbfgs(4), ridge, stop),
        make_fit(linear, losses.poisson, lbfgs, [ridge, penalties.ridge(0.1)], stop),
        make_fit(linear, losses.poisson, lbfgs, [ridge, penalties.ridge(0.2)], stop),
        make_fit(linear, losses.poisson, lbfgs, ridge, stop, standardise=True),
        make_fit(models.mlp((3,)), losses.poisson, lbfgs, ridge, stop),
        make_fit(models.mlp((4,)), losses.poisson, lbfgs, ridge, stop),
    ]
    assert len(set(texts(*fits))) == len(fits)


def test_values_in_a_closure_are_part_of_the_fit():
    def scaled(values):
        values = jnp.asarray(values)
        return Axis("scale", 2, lambda inputs, i: inputs._replace(y=inputs.y * values[i]))

    def text(values):
        return texts(POISSON, every=[*grid(), scaled(values)])

    assert text([1.0, 2.0]) == text([1.0, 2.0])
    assert text([1.0, 2.0]) != text([1.0, 3.0])


def test_a_folder_of_another_run_names_all_that_differs(tmp_path):
    Store(tmp_path, RUN).close()
    Store(tmp_path, dict(reversed(RUN.items()))).close()
    with pytest.raises(ValueError, match=r"fit \(was poisson, is mlp\), lanes \(was 3, is 4\)"):
        Store(tmp_path, {"fit": "mlp", "lanes": 4})
    with pytest.raises(ValueError, match=r"extra \(was None, is 1\)"):
        Store(tmp_path, {**RUN, "extra": 1})
    assert json.loads((tmp_path / "manifest.json").read_text())["run"] == RUN


def test_lanes_of_a_folder(tmp_path):
    assert Store.lanes_of(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()
    Store(tmp_path, RUN).close()
    assert Store.lanes_of(tmp_path) == 3


def test_what_is_appended_comes_back(tmp_path):
    store = Store(tmp_path / "deep" / "folder", RUN)
    parts = {"fit": np.array([4, 2]), ".loss": np.array([1.5, np.nan], np.float32)}
    store.append(parts)
    store.append({"fit": np.array([0]), ".loss": np.array([2], np.float32)})
    store.close()
    first, second = Store(tmp_path / "deep" / "folder", RUN).chunks()
    np.testing.assert_array_equal(first["fit"], [0])
    np.testing.assert_array_equal(second[".loss"], parts[".loss"])
    assert second[".loss"].dtype == np.float32


def test_a_write_that_fails_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    store = Store(tmp_path, RUN)

    def full(file):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr("jaxneuro.engine.store.os.fsync", full)
        store.append({"fit": np.array([1])})
    assert list(store.chunks()) == []
    store.append({"fit": np.array([1])})
    assert len(list(store.chunks())) == 1


@pytest.mark.parametrize(
    "other",
    [np.arange(6).reshape(2, 3), np.arange(6.0), np.arange(7), np.arange(6)[::-1], np.zeros(0)],
)
def test_fingerprints_tell_arrays_apart(other):
    assert fingerprint([np.arange(6)]) == fingerprint([np.arange(12)[:6]])
    assert fingerprint([np.arange(6)]) != fingerprint([other])
    assert fingerprint([np.arange(6), other]) != fingerprint([other, np.arange(6)])


def test_the_data_of_a_run_may_be_shared_by_several(tmp_path):
    """Two folders, two runs, one engine: neither sees the other."""
    one = run(tmp_path / "one")
    two = run(tmp_path / "two", inputs=problem(counts(2)[1]))
    assert not np.array_equal(one.loss, two.loss)
    assert_same_bits(run(tmp_path / "one"), one)
