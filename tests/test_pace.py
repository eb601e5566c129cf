"""When the host looks who is done: by what waiting and refilling cost."""

from types import SimpleNamespace

import pytest

from jaxneuro import Stop
from jaxneuro.engine.pace import Pace

LANES = 8


def pace(**stop) -> Pace:
    return Pace(SimpleNamespace(stop=Stop(**stop)), LANES)  # pyright: ignore[reportArgumentType]


def test_fits_that_end_are_waited_for_as_long_as_a_refill_takes():
    made = pace()
    assert made.patience == LANES  # a step of all lanes, before anything was measured
    made.stepped(10, seconds=0.1)  # 10 ms a step
    made.refilled(seconds=0.05)  # as dear as 5 steps of all lanes
    assert made.patience == 5 * LANES
    made.refilled(seconds=0.10)
    assert 5 * LANES < made.patience < 10 * LANES


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 10.0])
def test_looks_are_neither_too_dear_nor_too_rare(seconds):
    """0.2 s, but at least 4 steps."""
    made = pace()
    made.stepped(10, 10 * seconds)
    assert made.steps == {1e-6: 200_000, 1e-3: 200, 10.0: 4}[seconds]


def test_a_call_without_a_step_tells_nothing():
    made = pace()
    made.stepped(0, 1.0)
    assert made.steps == 10 and made.patience == LANES


def test_fits_of_fixed_length_are_looked_at_when_they_end():
    made = pace(max_steps=50, gradient=0, plateau=0)
    made.stepped(10, 0.1)
    assert made.steps == 51
    made.stepped(10, 10.0)
    assert made.steps == 4
