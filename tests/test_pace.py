"""When the host looks who is done: by what waiting and refilling cost."""

from types import SimpleNamespace

import pytest

from jaxneuro import Stop
from jaxneuro.engine.pace import Pace

LANES = 8


def pace(**stop) -> Pace:
    return Pace(SimpleNamespace(stop=Stop(**stop)), LANES)  # pyright: ignore[reportArgumentType]


def test_lanes_are_idle_as_long_as_what_would_fill_them_takes():
    """None where rows are ready and nothing waits; to the end where none will come."""
    made = pace()
    assert made.limits(True, True) == (10, LANES, 0)  # a step of all lanes, before any was timed
    made.stepped(10, seconds=0.1)  # 10 ms a step
    made.refilled(seconds=0.05)  # as dear as 5 steps of all lanes
    assert made.limits(False, True) == (20, LANES, 5 * LANES)
    assert made.limits(False, False).host > 10**9
    made.refilled(seconds=0.10)
    assert 5 * LANES < made.limits(False, True).host < 10 * LANES
    made.stepped(1000, seconds=0.05)  # 50 µs a step: an exchange costs five
    assert made.limits(True, True).exchange == pytest.approx(5 * LANES, abs=1)


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 10.0])
def test_looks_are_neither_too_dear_nor_too_rare(seconds):
    """0.2 s, but at least 4 steps."""
    made = pace()
    made.stepped(10, 10 * seconds)
    assert made.steps == {1e-6: 200_000, 1e-3: 200, 10.0: 4}[seconds]


def test_a_call_without_a_step_tells_nothing():
    made = pace()
    made.stepped(0, 1.0)
    assert made.limits(False, True) == (10, LANES, LANES)


def test_fits_of_fixed_length_are_looked_at_when_they_end():
    made = pace(max_steps=50, gradient=0, plateau=0)
    made.stepped(10, 0.1)
    assert made.steps == 51
    made.stepped(10, 10.0)
    assert made.steps == 4
