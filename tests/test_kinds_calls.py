"""Uses that once gave a wrong answer, or none: each works, or is told why not."""

import collections
import copy
import pickle
import signal
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.tree_util import Partial
from jobs import regions, run, signals
from numerics import float64
from numerics import run as run_one
from sklearn.model_selection import KFold, StratifiedKFold

import jaxneuro as jn
from experiments import brain_areas
from experiments.runs import command_line
from jaxneuro import axes, encoding, features, losses, models, optimizers, penalties
from jaxneuro.engine.results import Results

pytestmark = pytest.mark.usefixtures("hasty")

# Axes that change x, and their arrays


def _louder(gains, inputs, index):
    return inputs._replace(x=inputs.x * gains[index])


def test_an_axis_that_changes_x_is_named_or_works() -> None:
    x, y = signals()
    inputs = jn.make_inputs(x, y[:, 0])
    axis = jn.Axis("gain", 3, Partial(_louder, np.array([1.0, 2.0, 4.0], np.float32)))

    def fitted(precondition):
        fit = jn.make_fit(
            models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge(1e-3),
            jn.Stop(gradient=1e-6), precondition=precondition,
        )  # fmt: skip
        return jn.fit_many(fit, inputs, [axis], lanes=3)

    with pytest.raises(ValueError, match=r"axis 'gain' changes x.*precondition=False"):
        fitted(True)
    fits = fitted(False)
    alone = run_one(fits.fit, jn.make_inputs(4 * x, y[:, 0]))
    np.testing.assert_allclose(
        fits.params["readout"]["kernel"][2], alone.params["readout"]["kernel"], rtol=1e-3, atol=1e-4
    )


# Spikes of several units


def test_spikes_of_a_mapping_are_those_of_its_units() -> None:
    units = collections.UserDict({12: np.array([0.35, 0.05, 0.31]), 4: [], 7: [0.1, 0.39, 0.11]})
    counts = features.spike_counts(units, 0.1, 4)
    np.testing.assert_array_equal(counts, [[1, 0, 0], [0, 0, 2], [0, 0, 0], [2, 0, 1]])
    with pytest.raises(ValueError, match=r"unit 7: spike 1 is at nan"):
        features.spike_counts({4: [0.1], 7: [0.1, np.nan]}, 0.1, 4)
    with pytest.raises(ValueError, match="times in seconds"):
        features.spike_counts({"V1", "MT"}, 0.1, 4)  # pyright: ignore[reportArgumentType]


# Arguments of another type


def _make(**changed):
    given: dict[str, Any] = {"model": models.linear(), "loss": losses.poisson,
                             "optimizer": optimizers.lbfgs(), **changed}  # fmt: skip
    return jn.make_fit(**given)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: _make(optimizer="adam"), TypeError, "optimizer is 'adam': .*optax.adam"),
        (lambda: _make(optimizer=0.1), TypeError, "optimizer is 0.1"),
        (lambda: _make(loss="poisson"), TypeError, "loss is 'poisson': .*losses.poisson"),
        (lambda: _make(scores="r2"), TypeError, "scores is 'r2': .*metrics.r2"),
        (lambda: _make(scores={"r2": "r2"}), TypeError, "score 'r2' is 'r2'"),
        (lambda: _make(model="linear"), TypeError, "model is 'linear': .*models.linear"),
        (lambda: _make(model=nn.Dense(1)), TypeError, "from_linen"),
        (lambda: _make(penalty="ridge"), TypeError, "penalty is 'ridge'"),
        (lambda: _make(penalty=0.1), TypeError, "penalty is 0.1"),
        (lambda: _make(stop=100), TypeError, r"stop is 100: pass jaxneuro.Stop"),
        (lambda: jn.make_inputs([[1.0], [2.0]], [1, 2], hyper={"l2": [1, 2]}), ValueError,  # pyright: ignore
         r"hyper\['l2'\] is \[1, 2\]: .*axes.grid\(l2=\[...\]\)"),
        (lambda: axes.folds(KFold(4)), ValueError, "need samples="),
        (lambda: axes.folds(5), TypeError, "5 is no folds: .*scikit-learn splitter"),
    ],
)  # fmt: skip
def test_what_is_no_such_thing_is_told_at_once(call, error, says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_splitters_and_lists_of_indices_are_folds() -> None:
    made = axes.folds(KFold(4), samples=20)
    assert made.size == 4
    inputs = jn.make_inputs(np.ones((20, 1)), np.ones(20))
    held_out = made.select(inputs, 1).held_out
    np.testing.assert_array_equal(np.flatnonzero(held_out), np.arange(5, 10))
    classes = np.arange(20) % 2
    kept = axes.folds(StratifiedKFold(2), samples=20, y=classes).select(inputs, 0)
    assert kept.held_out[classes == 0].sum() == kept.held_out[classes == 1].sum()
    pairs = axes.folds([([0, 1], [2]), ([2], [0])], samples=3)
    assert pairs.size == 2


# Stopping, and what is printed


def _slow(results: Results, *arguments):
    if results.done.sum() >= 2:
        raise KeyboardInterrupt
    return _ADD(results, *arguments)


_ADD = Results.add
_BACK = encoding.linear()


def _some(out=None):
    x, y = signals()
    return jn.fit_many(_BACK, jn.make_inputs(x, y), [axes.targets(3), axes.grid(l2=[0.1, 0.2])],
                       lanes=1, out=out)  # fmt: skip


def test_ctrl_c_says_what_is_safe(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Results, "add", _slow)
        with pytest.raises(jn.Interrupted, match=r"stopped after \d of 6 fits; none is kept: with"):
            _some()
        told = rf"of 6 fits; they are safe in {tmp_path}: the same call goes on from there"
        with pytest.raises(KeyboardInterrupt, match=told):
            _some(tmp_path)
    resumed, whole = _some(tmp_path), _some()
    np.testing.assert_array_equal(resumed.loss, whole.loss)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_ends_with_130_and_a_word(capsys, sent) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as ended:
            command_line(brain_areas.Options, lambda options: signal.raise_signal(sent), [])
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert ended.value.code == 130
    assert ended.value.__cause__ is None and ended.value.__suppress_context__
    assert capsys.readouterr().err.strip() == "stopped"


def test_a_command_hands_on_what_is_safe(capsys, monkeypatch) -> None:
    monkeypatch.setattr(Results, "add", _slow)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        command_line(brain_areas.Options, lambda options: _some(), [])
    assert "fits; none is kept: with out=FOLDER" in capsys.readouterr().err


@pytest.mark.slow
def test_a_command_says_where_its_report_lies(tmp_path: Path, capsys) -> None:
    x, y = regions()
    run("brain_areas", tmp_path, x=x, y=y)
    told = capsys.readouterr().out
    assert f"report: {tmp_path / 'brain_areas' / 'report.html'}" in told
    assert (tmp_path / "brain_areas" / "report.html").exists()


def test_fits_are_one_line_and_predict() -> None:
    x, _ = signals()
    fits = _some()
    assert "\n" not in repr(fits) and len(repr(fits)) < 300
    assert "6 fits (target: 3, l2: 2)" in repr(fits)
    found = fits.predict(x[:10])
    assert found.shape == (3, 2, 10)
    dense = fits.params["readout"]
    for place in np.ndindex(3, 2):
        own = x[:10] @ dense["kernel"][place].reshape(-1) + dense["bias"][place].reshape(())
        np.testing.assert_allclose(found[place], own, rtol=1e-4, atol=1e-4)


# Schedules


def test_a_schedule_of_a_traced_rate_tells_the_recipe_and_the_recipe_works() -> None:
    x, y = signals()
    rates = axes.grid(learning_rate=[0.01, 0.1])

    def branching(hyper):
        return optax.adam(
            optax.warmup_cosine_decay_schedule(0.0, hyper["learning_rate"], 5, 60, 0.0)
        )

    def make(optimizer):
        return jn.make_fit(models.linear(), losses.half_squared_error, optimizer,
                           stop=jn.Stop(max_steps=60, gradient=0, plateau=0))  # fmt: skip

    def every(optimizer):
        return jn.fit_many(make(optimizer), jn.make_inputs(x, y[:, 0]), [rates], lanes=2)

    with pytest.raises(TypeError, match=r"Make the schedule of plain numbers and multiply") as said:
        every(branching)
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1.0, 5, 60, 0.0)
    recipe = str(said.value).split("multiply: ")[1].replace("SCHEDULE_TO_1", "schedule")

    def multiplied(hyper):
        return eval(recipe, {"optax": optax, "schedule": schedule, "hyper": hyper})

    with float64():
        found = every(multiplied)
        for i, rate in enumerate((0.01, 0.1)):
            whole = optax.warmup_cosine_decay_schedule(0.0, rate, 5, 60, 0.0)
            alone = run_one(make(optax.adam(whole)), jn.make_inputs(x, y[:, 0]))
            np.testing.assert_allclose(found.loss[i], alone.loss, rtol=1e-4)


# Fits are values


def test_equal_fits_are_one_fit() -> None:
    assert encoding.linear() == encoding.linear()
    assert encoding.poisson_mlp((5,)) == encoding.poisson_mlp((5,))
    assert encoding.poisson_mlp((5,)) != encoding.poisson_mlp((6,))
    x, y = signals()
    every = [axes.targets(3), axes.grid(l2=[0.5, 0.6])]
    jn.fit_many(encoding.linear(), jn.make_inputs(x, y), every, lanes=1)
    again = jn.fit_many(encoding.linear(), jn.make_inputs(x + 0.5, y), every, lanes=1)
    assert again.compile_seconds == 0


def test_fit_and_fits_pickle_and_copy() -> None:
    x, _ = signals()
    fits = _some()
    for again in (pickle.loads(pickle.dumps(fits)), copy.deepcopy(fits)):
        assert again.fit == fits.fit == pickle.loads(pickle.dumps(encoding.linear()))
        np.testing.assert_array_equal(again.predict(x), fits.predict(x))
        np.testing.assert_array_equal(again.loss, fits.loss)


def test_fits_of_lambdas_pickle_by_cloudpickle() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    x, y = signals()
    fit = jn.make_fit(
        models.linear(), lambda p, y: jnp.square(p - y), lambda hyper: optax.sgd(hyper["rate"]),
        stop=jn.Stop(max_steps=3),
    )  # fmt: skip
    fits = jn.fit_many(fit, jn.make_inputs(x, y[:, 0]), axes.grid(rate=[0.1, 0.2]), lanes=2)
    again = pickle.loads(cloudpickle.dumps(fits))
    np.testing.assert_array_equal(again.predict(x), fits.predict(x))
