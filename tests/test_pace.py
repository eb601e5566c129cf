"""When the host looks who is done, and what it does then: by what each costs."""

from types import SimpleNamespace

import numpy as np
import pytest

from jaxneuro import Stop
from jaxneuro.engine.pace import Pace

LANES = 8


def pace(**stop) -> Pace:
    made = Pace(SimpleNamespace(stop=Stop(**stop)), LANES)  # pyright: ignore[reportArgumentType]
    made.exchanges = True
    return made


def test_all_begin_together_until_there_is_a_program_by_which_they_change_places():
    made = pace()
    assert not made.in_waves
    made.exchanges = False
    assert made.in_waves and made.patience(True, True) > 10**9


def test_lanes_are_idle_as_long_as_what_would_fill_them_takes():
    """Where a fit waits, and where fits that end may bring others; else to the end."""
    made = pace()
    assert made.patience(True, True) == LANES  # a step of all lanes, before any was timed
    made.stepped(10, seconds=0.1)  # 10 ms a step
    made.refilled(seconds=0.05)  # as dear as 5 steps of all lanes
    assert made.patience(False, True) == 5 * LANES
    assert made.patience(False, False) > 10**9
    made.refilled(seconds=0.10)
    assert 5 * LANES < made.patience(False, True) < 10 * LANES
    assert made.patience(True, True) == LANES
    made.exchanged(seconds=0.1)
    made.exchanged(seconds=0.06)  # half of it where it is not timed
    assert made.patience(True, True) == 3 * LANES


@pytest.mark.parametrize(("longest", "waves"), [(24, True), (100, False)])
def test_fits_that_end_nearly_together_begin_together(longest, waves):
    """Exchanges of 4 steps cost fits of 20 steps √(2 · 4 · 20) = 13 steps each."""
    made = pace()
    made.stepped(10, seconds=0.1)
    made.exchanged(seconds=0.08)
    assert not made.in_waves
    made.ended(np.array([longest]))  # too few to tell
    assert not made.in_waves
    made.ended(np.array([*[20] * (LANES - 1), longest]))
    assert made.in_waves == waves
    assert (made.patience(True, True) > 10**9) == waves


@pytest.mark.parametrize("seconds", [1e-6, 1e-3, 10.0])
def test_looks_are_neither_too_dear_nor_too_rare(seconds):
    """0.2 s, but at least 4 steps."""
    made = pace()
    made.stepped(10, 10 * seconds)
    assert made.steps == {1e-6: 200_000, 1e-3: 200, 10.0: 4}[seconds]


def test_a_call_without_a_step_tells_nothing():
    made = pace()
    made.stepped(0, 1.0)
    assert made.steps == 10 and made.patience(True, True) == LANES


def test_fits_of_fixed_length_are_looked_at_when_they_end():
    made = pace(max_steps=50, gradient=0, plateau=0)
    made.stepped(10, 0.1)
    assert made.steps == 51 and made.in_waves
    made.stepped(10, 10.0)
    assert made.steps == 4
