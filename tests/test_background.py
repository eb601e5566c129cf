"""What is made in the background, and what comes of it where that fails."""

import threading

import numpy as np
import pytest
from helpers import LANES, POISSON, problem, settled, targets_and_grid

from jaxneuro import fit_many
from jaxneuro.engine import programs
from jaxneuro.engine.background import Background


def test_it_is_begun_here_made_elsewhere_and_called_when_it_is_made():
    go, threads = threading.Event(), []

    def make():
        threads.append(threading.current_thread())
        go.wait(60)
        return lambda number: number + 1

    def work():
        threads.append(threading.current_thread())
        return make

    made = Background(work)
    assert not made.begun and not made.ready and not threads
    assert made.begin() is made.begin()  # once
    assert made.begun and not made.ready and made.ended == 0
    go.set()
    assert made(41) == 42 and made.ready and not made.failed and made.ended > 0
    assert threads[0] is threading.current_thread() and len({*threads}) == len(threads) == 2


def test_a_call_begins_it_and_raises_what_the_making_raised():
    def fails():
        raise ArithmeticError("no such function")

    made = Background(lambda: fails)
    with pytest.raises(ArithmeticError, match="no such"):
        made()
    assert made.failed and made.ready


@pytest.mark.parametrize("effort", ["once", "run"])
def test_programs_that_could_not_be_compiled_are_compiled_by_the_next_call(effort, monkeypatch):
    """Those without which no fit runs, and the one by which fits change places."""
    expected = fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)
    settled()
    programs._engines.clear()
    compile_ = programs._compile

    def fails(program, platform, asked):
        if asked == effort:
            raise RuntimeError("the compiler is out of order")
        return compile_(program, platform, asked)

    with monkeypatch.context() as patched:
        patched.setattr(programs, "_compile", fails)
        with pytest.raises(RuntimeError, match="out of order"):
            fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)
            settled()
    found = fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES)
    np.testing.assert_array_equal(found.loss, expected.loss)
