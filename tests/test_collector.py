"""Python's collector of garbage waits while programs are made, and is left as it was found."""

import gc
import threading

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro.collector import postponed


@pytest.fixture(autouse=True)
def _as_it_was():
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_waits_within_and_is_left_as_it_was_found(enabled):
    (gc.enable if enabled else gc.disable)()
    with postponed():
        assert not gc.isenabled()
        with postponed():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() == enabled


def test_an_error_lets_it_go_on():
    gc.enable()
    with pytest.raises(ValueError, match="within"), postponed():
        raise ValueError("within")
    assert gc.isenabled()


def test_it_waits_for_the_last_of_several_threads():
    gc.enable()
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with postponed():
            inside.set()
            leave.wait(timeout=30)

    other = threading.Thread(target=stay)
    other.start()
    assert inside.wait(timeout=30)
    with postponed():
        pass
    assert not gc.isenabled()
    leave.set()
    other.join()
    assert gc.isenabled()


def test_programs_are_made_within(monkeypatch):
    """What a fit traces finds the collector switched off; what it runs does not."""
    seen = []

    def apply(params, x):
        seen.append(gc.isenabled())
        return jn.models.linear(1).apply(params, x)

    model = jn.Model(jn.models.linear(1).init, apply)
    loss, stop = jn.losses.half_squared_error, jn.Stop(max_steps=3)
    fit = jn.make_fit(model, loss, jn.optimizers.lbfgs(), stop=stop)
    rng = np.random.default_rng(0)
    gc.enable()
    inputs = jn.make_inputs(rng.normal(size=(20, 3)), rng.normal(size=(20, 1)))
    jn.fit_many(fit, inputs, [jn.axes.seeds(2)])
    assert not any(seen[-3:]) and gc.isenabled()
