"""When a fit ends, and what it keeps: by tables of values, without any model."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Status, Stop
from jaxneuro.fit.verdict import begin, judge

NAN, INF = np.nan, np.inf
NEVER = Stop(max_steps=1000, gradient=0, plateau=0)


def follow(stop: Stop, values, norms=None, ranks=None, batch: bool = False):
    """The statuses and the evaluation kept, one after the other, and the last progress."""
    norms = np.ones(len(values)) if norms is None else norms
    ranks = values if ranks is None else ranks
    progress, statuses, kept, at = begin(jnp.asarray(False), jnp.float32), [], [], None
    for i, row in enumerate(zip(values, norms, ranks, strict=True)):
        value, norm, rank = (jnp.asarray(a, jnp.float32) for a in row)
        progress, better = judge(stop, progress, value, norm, rank, batch)
        at = i if better else at
        statuses.append(Status(int(progress.status)))
        kept.append(at)
        if statuses[-1] != Status.RUNNING:
            break
    return statuses, kept, progress


def end(stop: Stop, *tables, **options) -> tuple[Status, int, int | None]:
    """How it ends, after how many updates, and which evaluation is kept."""
    statuses, kept, progress = follow(stop, *tables, **options)
    assert statuses[:-1] == [Status.RUNNING] * (len(statuses) - 1)
    assert int(progress.steps) == len(statuses) - (statuses[-1] != Status.RUNNING)
    return statuses[-1], int(progress.steps), kept[-1]


CONVERGED = Stop(gradient=0.1, plateau=0)


@pytest.mark.parametrize(
    ("values", "norms", "wanted"),
    [
        ([3, 2, 1.5], [10, 5, 1], (Status.CONVERGED, 2, 2)),  # a tenth of the first
        ([3, 2, 1.5], [10, 5, 1.1], (Status.RUNNING, 3, 2)),
        ([3], [0], (Status.CONVERGED, 0, 0)),  # nothing to descend
        ([INF, 3, 2], [NAN, 10, 1], (Status.CONVERGED, 2, 2)),  # the first that is finite counts
        ([3, 2, NAN], [10, 5, 0], (Status.RUNNING, 3, 1)),
        ([3, 2, 2.001], [10, 5, 1], (Status.CONVERGED, 2, 2)),  # kept, though a hair above
    ],
)
def test_converged(values, norms, wanted) -> None:
    assert end(CONVERGED, values, norms) == wanted


def test_a_gradient_of_zero_converges_whatever_was_asked_for() -> None:
    assert end(NEVER, [3, 2], [1, 0]) == (Status.CONVERGED, 1, 1)
    assert end(NEVER, [3, 2, 1], [1, 1e-30, 1]) == (Status.RUNNING, 3, 2)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([3, 2, 2, 2, 2], (Status.PLATEAU, 4, 1)),  # three without a fall
        ([3, 2, 2, 2, 1], (Status.RUNNING, 5, 4)),
        ([3, 2, 2.5, 2.1, 2.0], (Status.PLATEAU, 4, 1)),  # what rose and came back has not fallen
        ([1, 0.9995, 0.9992, 0.9988, 0.9985], (Status.RUNNING, 5, 4)),  # a slow fall adds up
        ([1, 0.9999, 0.9998, 0.9997], (Status.PLATEAU, 3, 3)),  # slower than `least_fall`
        ([-1, -2, -2, -2, -2], (Status.PLATEAU, 4, 1)),
        ([3, 2, NAN, INF, NAN, 2], (Status.PLATEAU, 5, 1)),  # a finite value says so
    ],
)
def test_plateau(values, wanted) -> None:
    assert end(Stop(gradient=0, plateau=3, least_fall=1e-3), values) == wanted


@pytest.mark.parametrize(
    ("ranks", "wanted"),
    [
        ([5, 4, 4.1, 4.2], (Status.EARLY_STOPPED, 3, 1)),
        ([5, 4, 4.1, 3.9, 4, 4], (Status.EARLY_STOPPED, 5, 3)),
        ([5, 4, 4.1, 3.9], (Status.RUNNING, 4, 3)),  # the last evaluation counts
        ([5, 6, 7], (Status.EARLY_STOPPED, 2, 0)),
        ([5, 4, NAN, NAN], (Status.EARLY_STOPPED, 3, 1)),  # no number is no minimum
    ],
)
def test_early_stopping_goes_by_the_rank_alone(ranks, wanted) -> None:
    stop = Stop(gradient=0, plateau=0, patience=2)
    assert end(stop, np.linspace(3, 1, len(ranks)), None, ranks) == wanted


def test_what_converges_under_patience_keeps_the_best_validation_loss() -> None:
    stop = Stop(gradient=0.1, patience=5)
    assert end(stop, [3, 2, 1], [10, 5, 1], [5, 4, 4.5]) == (Status.CONVERGED, 2, 1)


@pytest.mark.parametrize(
    ("stop", "values", "wanted"),
    [
        (Stop(plateau=3), [3, 4, 5, 6], (Status.DIVERGED, 3, 0)),  # above the start ever since
        (Stop(plateau=3), [-3, -2, -2, -2], (Status.DIVERGED, 3, 0)),
        (Stop(plateau=3), [3, 2, 5, 6, 7], (Status.PLATEAU, 4, 1)),  # it was below once
        (Stop(plateau=3), [3, 3.001, 3.001, 3.001], (Status.PLATEAU, 3, 0)),  # rounding is no rise
        (Stop(max_steps=2, plateau=0), [3, 4, 5], (Status.DIVERGED, 2, 0)),
        (Stop(max_steps=2, plateau=0), [3, 2, NAN], (Status.DIVERGED, 2, 1)),
        (Stop(max_steps=2, plateau=0), [NAN, NAN, NAN], (Status.DIVERGED, 2, None)),
        (Stop(), [3, 2, *[NAN] * 30], (Status.DIVERGED, 26, 1)),
        (Stop(), [3, *[INF] * 24, 2], (Status.RUNNING, 26, 25)),  # a line search came back
        (Stop(), [NAN] * 30, (Status.DIVERGED, 24, None)),
    ],
)
def test_diverged(stop, values, wanted) -> None:
    assert end(stop, values) == wanted


def test_step_limit_counts_updates() -> None:
    for steps in (1, 3):
        found = end(Stop(max_steps=steps, gradient=0, plateau=0), [5, 4, 3, 2, 1])
        assert found == (Status.STEP_LIMIT, steps, steps)


def test_of_minibatches_only_the_limit_ends_and_the_last_is_kept() -> None:
    stop = Stop(max_steps=3, gradient=1, plateau=1)
    assert end(stop, [1, 2, 5, 4], [1, 0, 0, 0], batch=True) == (Status.STEP_LIMIT, 3, 3)
    assert end(stop, [1, 2, 5, NAN], batch=True) == (Status.DIVERGED, 3, 2)


def test_loss_and_gradient_are_of_what_is_kept() -> None:
    _, kept, progress = follow(NEVER, [5, 3, 4], [7, 6, 8])
    assert kept == [0, 1, 1]
    assert (float(progress.best_loss), float(progress.best_gradient)) == (3, 6)
    stop = NEVER._replace(patience=9)
    _, kept, progress = follow(stop, [5, 3, 2], [7, 6, 8], [1, 0.5, 0.7])
    assert kept == [0, 1, 1] and float(progress.best_rank) == 0.5
    assert (float(progress.best_loss), float(progress.best_gradient)) == (3, 6)


def test_bad_data_never_begin() -> None:
    assert begin(jnp.asarray(True), jnp.float32).status == Status.BAD_DATA
    sound = begin(jnp.asarray(False), jnp.float32)
    assert sound.status == Status.RUNNING and np.isnan(sound.best_loss) and sound.steps == 0
