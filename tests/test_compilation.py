"""What compiles, and what is in it: new values never compile, and `x` is neither copied for each
lane nor made a constant."""

import re
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import FEATURES, LANES, SAMPLES, TARGETS, counts, problem, settled

from jaxneuro import (
    Axis,
    Stop,
    axes,
    compat,
    fit_many,
    losses,
    make_fit,
    metrics,
    models,
    penalties,
)
from jaxneuro.engine import programs
from jaxneuro.engine.lane import selects_of
from jaxneuro.engine.lanes import flatten_axes
from jaxneuro.engine.programs import get_engine
from jaxneuro.fit import step
from jaxneuro.inputs import make_inputs

SGD = optax.sgd(0.1)
DESCENT = make_fit(
    models.linear(), losses.poisson, SGD, penalties.ridge("strength"),
    Stop(max_steps=30), scores={"correlation": metrics.correlation}, standardise=True,
)  # fmt: skip
_COMPILED = "/jax/core/compile/backend_compile_duration"


class Counted:
    """What was built; programs once none is under way."""

    engines = 0
    compiled = 0

    @property
    def programs(self) -> int:
        settled()
        return self.compiled


@contextmanager
def counting(monkeypatch):
    """Counts engines built and programs that XLA compiles."""
    counted, build = Counted(), programs._build

    def listen(event, seconds, **_):
        counted.compiled += event == _COMPILED

    def building(*arguments, **options):
        counted.engines += 1
        return build(*arguments, **options)

    settled()
    jax.monitoring.register_event_duration_secs_listener(listen)
    monkeypatch.setattr(programs, "_build", building)
    try:
        yield counted
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
        monkeypatch.setattr(programs, "_build", build)


def test_python_runs_a_fit_once_for_all_its_programs(monkeypatch):
    counted = dict.fromkeys(("start", "step", "result"), 0)

    def counting(name, function):
        def counts(*arguments):
            counted[name] += 1
            return function(*arguments)

        return counts

    for name in counted:
        monkeypatch.setattr(step, name, counting(name, getattr(step, name)))
    fit = make_fit(models.linear(), losses.poisson, SGD, penalties.ridge("strength"),
                   Stop(max_steps=3))  # fmt: skip
    x, y = counts(0)
    inputs, every = make_inputs(x, y), [axes.targets(TARGETS), axes.grid(strength=[0.1, 1.0])]
    few = fit_many(fit, inputs, every, lanes=4)
    assert counted == {"start": 1, "step": 1, "result": 1}
    more = fit_many(fit, inputs, every, lanes=8)
    assert counted == {"start": 1, "step": 1, "result": 1}
    np.testing.assert_allclose(few.loss, more.loss, rtol=1e-5)


def louder(inputs, index):
    """A user's own axis, three lines with its `Axis`."""
    return inputs._replace(y=inputs.y + index)


def make(samples=SAMPLES, seed=0, strengths=(0.1, 1.0), folds=2, fold_seed=0, key=0):
    """Everything anew, as a user's next call would: arrays, inputs, axes."""
    x, y = counts(seed)
    inputs = make_inputs(x[:samples], y[:samples, :4], key=key)
    drawn = np.random.default_rng(fold_seed).integers(folds, size=samples)
    test = np.arange(folds)[:, None] == drawn
    every = [
        axes.permutations(1, seed=fold_seed),
        axes.targets(4),
        axes.folds(~test, test),
        axes.grid(strength=strengths),
        axes.bootstraps(2, seed=fold_seed),
        Axis("louder", 2, louder),
    ]
    return inputs, every


def run(rows, lanes=LANES, **changed):
    inputs, every = make(**changed)
    return fit_many(DESCENT, inputs, every, rows=rows, lanes=lanes)


ROWS = [[0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 2, 1, 0, 1, 0], [1, 3, 0, 1, 0, 1]]


@pytest.fixture(scope="module")
def warm():
    run(ROWS)


@pytest.mark.parametrize(
    "changed",
    [{}, {"strengths": (3.0, 7.0)}, {"seed": 1}, {"fold_seed": 5}, {"key": 3}],
    ids=["nothing", "hyper-parameters", "data", "fold weights and draws", "key"],
)
def test_new_values_compile_nothing(warm, monkeypatch, changed):
    before = run(ROWS)
    with counting(monkeypatch) as counted:
        after = run(ROWS, **changed)
    assert (counted.engines, counted.programs) == (0, 0)
    assert after.compile_seconds == 0
    unused = {"key"} >= changed.keys()  # a linear model starts at zero
    assert np.array_equal(before.loss, after.loss) == unused  # new values were used


def test_other_rows_compile_nothing(warm, monkeypatch):
    with counting(monkeypatch) as counted:
        fits = run(np.array([[0, 3, 1, 1, 0, 1], *ROWS, *ROWS])[::-1])
    assert (counted.engines, counted.programs) == (0, 0)
    assert len(fits) == 9


def test_a_new_shape_builds_one_engine_of_three_programs(warm, monkeypatch):
    run(ROWS)
    with counting(monkeypatch) as counted:
        run(ROWS, samples=SAMPLES - 7)
    assert counted.engines == 1
    with counting(monkeypatch) as counted:
        run(ROWS, samples=SAMPLES - 7)
        run(ROWS)
    assert (counted.engines, counted.programs) == (0, 0)


def test_the_same_fit_made_anew_compiles_nothing(warm, monkeypatch):
    """A fit is a value: what is equal shares its programs, though each call made its own."""

    def build(**changed):
        return make_fit(
            models.linear(), losses.poisson, SGD, penalties.ridge("strength"),
            Stop(**({"max_steps": 30} | changed)), scores={"correlation": metrics.correlation},
            standardise=True,
        )  # fmt: skip

    inputs, every = make()
    assert build() == build() == DESCENT and hash(build()) == hash(DESCENT)
    before = run(ROWS)
    with counting(monkeypatch) as counted:
        found = fit_many(build(), inputs, every, rows=ROWS, lanes=LANES)
    assert (counted.engines, counted.programs) == (0, 0)
    np.testing.assert_array_equal(found.loss, before.loss)
    assert build(max_steps=29) != DESCENT
    with counting(monkeypatch) as counted:
        fit_many(build(max_steps=29), inputs, every, rows=ROWS, lanes=LANES)
    assert counted.engines == 1


# What is in the programs. Samples, features and lanes are primes that nothing else has.
WIDE = 11


def texts(every, lanes=WIDE):
    """The optimised HLO of start, advance and finish."""
    every = flatten_axes(every)
    inputs = problem()
    devices = tuple(jax.local_devices()[:1])
    built, _ = get_engine(DESCENT, inputs, selects_of(every), len(every), lanes, devices)
    return "\n".join(program.result().as_text() for program in built.needed)


def lanes_of_x(text: str) -> list[str]:
    """Tensors with the size of one x for each lane, in any order of dimensions."""
    found = set(re.findall(r"f32\[([\d,]+)\]", text))
    wanted = sorted([WIDE, SAMPLES, FEATURES])
    return [shape for shape in found if sorted(map(int, shape.split(","))) == wanted]


def large_constants(text: str) -> list[str]:
    """Constants of at least one column of x."""
    found = re.findall(r"\w+\[([\d,]+)\]\S* constant\(", text)
    return [shape for shape in found if np.prod([int(n) for n in shape.split(",")]) >= SAMPLES]


def stretched(inputs, index):
    return inputs._replace(x=inputs.x * (1 + index))


_ONE_X = np.asarray(counts(3)[0])


def closed_over(inputs, index):
    return inputs._replace(y=inputs.y * (1 + index * jnp.asarray(_ONE_X)[:, 0] ** 2))


def test_x_is_shared_by_all_lanes_and_no_constant():
    """With targets, folds (their own standardisation), ablations, bootstraps and a grid."""
    test = np.arange(3)[:, None] == np.arange(SAMPLES) % 3
    shared = texts([
        axes.targets(TARGETS), axes.folds(~test, test), axes.ablations(np.eye(FEATURES)),
        axes.grid(strength=[0.1, 1]), axes.bootstraps(3),
    ])  # fmt: skip
    assert f"f32[{SAMPLES},{FEATURES}]" in shared
    assert f"f32[{WIDE},{SAMPLES}]" in shared  # what is each lane's own
    assert lanes_of_x(shared) == []
    assert large_constants(shared) == []


def test_an_axis_that_changes_x_copies_it_and_a_closure_is_a_constant():
    """That the two checks above can fail: what `outer` and `Partial` are for."""
    bad = texts([
        axes.targets(TARGETS), axes.grid(strength=[1]), Axis("x", 2, stretched),
        Axis("y", 2, closed_over),
    ])  # fmt: skip
    assert lanes_of_x(bad)
    assert large_constants(bad)


def test_options_that_this_compiler_does_not_know_are_left_out(monkeypatch):
    """Whichever version of XLA: one of a name, and one of a value."""
    asked = {"xla_no_such_thing": 1, "xla_gpu_enable_command_buffer": "NONSENSE",
             "xla_backend_optimization_level": 0}  # fmt: skip
    platform = jax.default_backend()
    monkeypatch.setattr(compat, "_missing", set())
    monkeypatch.setitem(compat._OPTIONS, platform, {"once": asked})
    assert compat.compiler_options(platform, "once") == asked
    doubled = compat.Once(lambda x: 2 * x)
    assert doubled(21) == 42
    left = {"xla_backend_optimization_level": 0}
    assert compat.compiler_options(platform, "once") == left
    assert jax.jit(doubled)(21) == 42  # a part of another program, which has its own options

    def fails(options):
        raise RuntimeError(f"{options} and another matter")

    with pytest.raises(RuntimeError, match="another matter"):
        compat.with_options(fails, platform, "once")
