"""Traces that give and take less; and lanes that hold only what steps and results read."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxneuro as jn
from jaxneuro.engine.lane import make_lane, selects_of
from jaxneuro.engine.traced import Traced

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 3)).astype("f"), rng.poisson(2, (40, 4)).astype("f")
ADAM = optax.adam(0.1)


def both(point, extra):
    return {"sum": point["a"] + point["b"], "drawn": jnp.sin(extra), "twice": 2 * point["a"]}


SHAPES = jax.tree.map(jnp.asarray, ({"a": 1.0, "b": 2.0}, 3.0))


def test_a_trace_gives_what_its_function_gives_and_runs_no_python():
    calls = []

    def counted(point, extra):
        calls.append(1)
        return both(point, extra)

    traced = Traced.of(counted, *SHAPES)
    assert jax.tree.map(float, traced(*SHAPES)) == jax.tree.map(float, both(*SHAPES))
    jax.jit(traced)(*SHAPES)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "wanted, point, extra",
    [  # drawn, sum, twice
        ([False, True, False], [True, True], [False]),
        ([False, False, True], [True, False], [False]),
        ([True, False, False], [False, False], [True]),
        (None, [True, True], [True]),
    ],
)
def test_what_is_wanted_says_what_is_read(wanted, point, extra):
    traced = Traced.of(both, *SHAPES)
    assert traced.reads(wanted) == [point, extra]
    less = traced.less(wanted, point, extra)
    given = jax.tree.leaves((less.taken, less.made))
    assert len(given) == sum(point) + sum(extra) + (3 if wanted is None else 1)
    values = [v for v, kept in zip([1.0, 2.0, 3.0], [*point, *extra], strict=True) if kept]
    every = both(*SHAPES)
    for name, found in less(values).items():
        assert found is None or float(found) == float(every[name])


def test_what_is_kept_may_be_more_than_is_read():
    less = Traced.of(both, *SHAPES).less([False, False, True], None, [False])
    assert len(less.program.jaxpr.invars) == 2
    assert float(less({"a": 1.0, "b": 2.0}, None)["twice"]) == 2


def test_what_prints_is_read():
    def prints(a, b):
        jax.debug.print("{}", b)
        return a

    assert Traced.of(prints, 1.0, 2.0).reads([True]) == [[True], [True]]


def lane_of(model, optimizer=ADAM, **options):
    stop = jn.Stop(max_steps=3)
    fit = jn.make_fit(model, jn.losses.poisson, optimizer, stop=stop, **options)
    axes = [jn.axes.targets(4)]
    inputs = jn.make_inputs(X, Y)
    return make_lane(fit, inputs, selects_of(axes), 1), fit, inputs, axes


def keys(lane):
    """A key is kept as two integers."""
    return [leaf for leaf in jax.tree.leaves((lane.own, lane.state)) if leaf.dtype == jnp.uint32]


def test_the_key_of_a_fit_that_draws_nothing_is_in_no_lane():
    lane = lane_of(jn.models.linear())[0]
    assert keys(lane) == []
    assert "random" not in str(lane.begin.program)


def test_what_minibatches_are_drawn_from_is_there():
    lane = lane_of(jn.models.linear(), batch=8)[0]
    assert jax.tree.leaves(lane.state.draws) == [jax.ShapeDtypeStruct((40,), jnp.float32)]


def test_a_random_model_has_its_key():
    def noisy(params, x, key):
        return linear.apply(params, x + jax.random.normal(key, x.shape))

    linear = jn.models.linear()
    assert len(keys(lane_of(linear._replace(train=noisy))[0])) == 1


def test_a_state_that_only_counts_is_in_no_lane():
    """And the fits are what they are without it."""

    def init(params):
        return {"adam": ADAM.init(params), "calls": jnp.zeros(7)}

    def update(updates, state, params=None, **_):
        updates, inner = ADAM.update(updates, state["adam"], params)
        return updates, {"adam": inner, "calls": state["calls"] + 1}

    counting = optax.GradientTransformationExtraArgs(init, update)
    lane, fit, inputs, axes = lane_of(jn.models.linear(), counting)
    assert (7,) not in [leaf.shape for leaf in jax.tree.leaves(lane.state)]
    plain = lane_of(jn.models.linear())[1]
    counted, expected = (jn.fit_many(f, inputs, axes).loss for f in (fit, plain))
    np.testing.assert_array_equal(counted, expected)
