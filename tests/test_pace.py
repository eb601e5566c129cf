"""When lanes are refilled: by what waiting and refilling cost."""

from types import SimpleNamespace

import numpy as np
import pytest

from jaxneuro import Stop
from jaxneuro.engine.pace import Pace

LANES = 8


def pace(**stop) -> Pace:
    return Pace(SimpleNamespace(stop=Stop(**stop)), LANES)  # pyright: ignore[reportArgumentType]


def test_a_refill_pays_once_waiting_has_cost_as_much():
    made = pace()
    made.stepped(10, seconds=0.1, idle=0)  # 10 ms a step
    assert not made.refill_pays
    made.refilled(np.array([10]), seconds=0.05)  # as dear as 5 steps of all lanes
    made.stepped(4, seconds=0.04, idle=2)
    assert not made.refill_pays  # 8 of 40 lane-steps
    made.stepped(4, seconds=0.04, idle=LANES)
    assert made.refill_pays  # 40 of 40
    made.refilled(np.array([10]), seconds=0.05)
    assert not made.refill_pays


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 10.0])
def test_looks_are_neither_too_dear_nor_too_rare(seconds):
    """An eighth of a typical fit, but at least 2 ms and 4 steps, and at most 0.2 s."""
    made = pace()
    made.stepped(10, 10 * seconds, idle=0)
    made.refilled(np.array([80, 80]), 1e-3)
    made.stepped(10, 10 * seconds, idle=0)
    assert made.steps == {1e-6: 2000, 1e-3: 10, 10.0: 4}[seconds]


def test_fits_of_fixed_length_are_not_looked_at_early():
    made = pace(max_steps=50, gradient=0, plateau=0)
    made.stepped(10, 1e-3, idle=0)
    assert made.steps >= 51
