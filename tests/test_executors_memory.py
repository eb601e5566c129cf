"""Devices that run out of memory, and what many fits take of the host's."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest
from helpers import LANES, POISSON, assert_close, assert_same_bits, problem, targets_and_grid

from jaxneuro import axes, fit_many, losses, make_fit, make_inputs, models, optimizers
from jaxneuro.engine import here
from jaxneuro.fit import Stop

FULL = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")

pytestmark = pytest.mark.usefixtures("hasty")


def run(**options):
    options = {"lanes": LANES, **options}
    return fit_many(POISSON, problem(), targets_and_grid(), **options)


@pytest.fixture
def full(monkeypatch):
    """Gives a function: with this many lanes a device is full, after some fits have ended."""
    real = here.run_group

    def fill(*which, error=FULL):
        def run_group(engine, inputs, selects, rows, members, *rest):
            if engine.lanes not in which:
                return real(engine, inputs, selects, rows, members, *rest)
            real(engine, inputs, selects, rows, members[:10], *rest)
            raise error

        monkeypatch.setattr(here, "run_group", run_group)

    return fill


def test_a_full_device_goes_on_with_half_the_lanes(full, tmp_path):
    expected, half = run(), run(lanes=LANES // 2)
    full(LANES)
    with pytest.warns(UserWarning, match=r"4 lanes on a device ran out of memory: .* in 2, and"):
        found = run(out=tmp_path)
    assert found.lanes == LANES // 2
    assert_same_bits(found, expected, slice(10), slice(10))  # they had ended
    assert_same_bits(found, half, slice(10, None), slice(10, None))
    assert_close(found, expected, 1e-4, steps=2)
    assert_same_bits(run(out=tmp_path), found)


def test_a_full_worker_is_told_of(full):
    expected = run()
    full(LANES)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.warns(UserWarning, match=r"a worker ran out of memory with 4 lanes .* on with 2"),
        pytest.warns(UserWarning, match="4 lanes on a device ran out"),
    ):
        found = run(executor=pool)
    assert_close(found, expected, 1e-4, steps=2)


def test_it_does_so_once_and_for_nothing_else(full):
    full(LANES, LANES // 2)
    with pytest.warns(UserWarning, match="ran out"), pytest.raises(type(FULL), match="RESOURCE"):
        run()
    full(LANES, error=jax.errors.JaxRuntimeError("INTERNAL: something else"))
    with pytest.raises(type(FULL), match="something else"):
        run()


def test_scores_alone_take_no_more_memory_than_they_are_long():
    rng = np.random.default_rng(0)
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.lbfgs(2), stop=Stop(max_steps=2)
    )
    x, features = rng.normal(size=(40, 50)), 50
    inputs = make_inputs(x, rng.normal(size=(40, 4)), held_out=np.arange(40) % 4 == 0)

    def peak(seeds):
        every = [axes.targets(4), axes.seeds(seeds)]
        tracemalloc.start()
        fit_many(fit, inputs, every, lanes=64, keep="scores")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(16)
    few, many = peak(250), peak(2000)
    assert (many - few) / (4 * 1750) < features * 4  # bytes a fit: less than its parameters are
