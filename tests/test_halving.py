"""Rows that compete: those that go on have the bits of fits that were never interrupted, those that
are stopped are the right ones, and say so."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import LANES, PAIRS, POISSON, STRENGTHS, TARGETS, assert_same_bits, problem

from jaxneuro import (
    Status,
    Stop,
    axes,
    fit_many,
    load,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
    stack_subjects,
)
from jaxneuro.choice import best
from jaxneuro.engine import Contest, contest, lanes, results
from jaxneuro.selection import Halving, search

FOLDS = splits.blocks(97, 2)
RUNGS = (3, 6)


def every(targets=TARGETS):
    return [axes.targets(targets), axes.folds(FOLDS), axes.grid(strength=STRENGTHS)]


def competing(fit=POISSON, rungs=RUNGS, left=(2, 1)):
    score, better = fit.better[0]
    return Contest(FOLDS.train.shape[0], (2, 1, 0), rungs, left, score, better)


def run(fit=POISSON, of: Contest | None = None, **options):
    options = {"lanes": LANES, "contest": of or competing(fit), **options}
    inputs = options.pop("inputs", None) or problem()
    return fit_many(fit, inputs, every(), **options)


@pytest.fixture(scope="module")
def whole():
    """Through the same programs, and never interrupted."""
    return run(of=competing().alone)


@pytest.fixture(scope="module")
def halved():
    return run()


def stopped(fits, rungs=RUNGS):
    return (fits.status == Status.STEP_LIMIT) & np.isin(fits.steps, rungs)


def test_those_that_win_by_the_last_are_those_that_are_chosen():
    """Missing scores and ties among them."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = rng.integers(0, 3, (3, 5)).astype(float)
        scores[rng.random((3, 5)) < 0.2] = np.nan
        scores[rng.random(3) < 0.2] = np.nan
        every = [axes.seeds(3), *axes.grid(l2=[1.0, 2.0, 3.0, 4.0, 5.0])]
        chosen = best(every, scores, True, ["l2"], ["seed"]).chosen[0]
        won = contest.judge(scores, np.ones(5, bool), 1, (4, 3, 2, 1, 0))
        assert won.sum() == 1 and won[chosen]
        three = contest.judge(scores, np.ones(5, bool), 3, (4, 3, 2, 1, 0))
        assert three.sum() == 3 and three[chosen]
        assert (contest.judge(scores, three, 2, (4, 3, 2, 1, 0)) <= three).all()


def test_a_fit_that_waited_is_as_if_it_had_not(whole):
    """Nobody is stopped, and all wait twice."""
    assert_same_bits(run(of=competing(left=(3, 3))), whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_a_fit_that_waited_is_as_if_it_had_not_of_all_pairs(name):
    fit = PAIRS[name]
    assert_same_bits(run(fit, competing(fit, left=(3, 3))), run(fit, competing(fit).alone))


def test_those_that_go_on_have_the_bits_of_all_alone(halved, whole):
    gone = stopped(halved)
    assert 0.2 < gone.mean() < 0.8
    on = np.flatnonzero(~gone.ravel())
    assert_same_bits(halved, whole, on, on)
    assert not stopped(whole).any()


@pytest.mark.slow
def test_those_that_do_worse_are_stopped_and_have_the_score_that_they_had(halved, whole):
    """By a plain loop over fits that were given so many steps."""
    kinds = dict(scores={"correlation": metrics.correlation}, standardise=True)
    alive = np.ones((TARGETS, 3), bool)
    gone = np.zeros(halved.shape, bool)
    for rung, left in zip(RUNGS, (2, 1), strict=True):
        # Before the update that leads to the rung's last point, which is never evaluated.
        fit = make_fit(
            models.linear(), losses.poisson, optimizers.lbfgs(3), penalties.ridge("strength"),
            Stop(max_steps=rung - 1), **kinds,
        )  # fmt: skip
        fits = fit_many(fit, problem(), every(), lanes=LANES)
        scores = np.where(whole.steps < rung, whole.score(), fits.score())
        mean = np.where(alive, scores.mean(axis=1), -np.inf)
        alive &= np.argsort(np.argsort(-mean, axis=1), axis=1) < left
        here = ~alive[:, None] & (whole.steps > rung) & ~gone
        at = np.flatnonzero(here.ravel())
        np.testing.assert_allclose(halved.score().ravel()[at], scores.ravel()[at], atol=1e-5)
        assert (halved.steps.ravel()[at] == rung).all()
        gone |= here
    np.testing.assert_array_equal(stopped(halved), gone)


@pytest.mark.slow
def test_neighbours_lanes_and_order_of_ending_change_nothing(halved):
    y = np.array(problem().y)
    y[3, 2] = np.inf
    with pytest.warns(UserWarning, match="1 of 8 targets"):
        found = run(inputs=problem(y))
    assert (found.status[2] == Status.BAD_DATA).all()
    others = np.flatnonzero((np.arange(TARGETS) != 2).repeat(6))
    assert_same_bits(found, halved, others, others)
    wider = run(lanes=2 * LANES)
    np.testing.assert_array_equal(wider.steps, halved.steps)
    np.testing.assert_allclose(wider.loss, halved.loss, rtol=1e-5)


def test_what_was_stopped_goes_on_with_the_groups_that_were_not_finished(
    halved, tmp_path, monkeypatch
):
    monkeypatch.setattr(results, "_CHUNK_SECONDS", 0.0)
    add, added = results.Results.add, []

    def stop(self, fits, found):
        if len(added) == 3:
            raise KeyboardInterrupt
        added.append(fits)
        add(self, fits, found)

    with monkeypatch.context() as patched:
        patched.setattr(results.Results, "add", stop)
        with pytest.raises(lanes.Interrupted, match="18 of 48"):
            run(out=tmp_path)
    monkeypatch.setattr(results.Results, "add", lambda *a: (added.append(a[1]), add(*a)))
    assert_same_bits(run(out=tmp_path), halved)
    assert len(added) == 8 and len(np.unique(np.concatenate(added))) == 48
    monkeypatch.setattr("jaxneuro.engine.here.run_group", None)
    assert_same_bits(run(out=tmp_path), halved)
    with pytest.raises(ValueError, match="holds another run: contest"):
        run(of=competing(left=(2, 2)), out=tmp_path)


def test_workers_have_whole_groups(halved):
    with ThreadPoolExecutor(2) as pool:
        assert_same_bits(run(executor=pool), halved)


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"score": "r2"}, "no score 'r2'; the fit has"),
        ({"repeats": 5}, "48 rows are no whole groups of 15"),
        ({"rungs": (6, 3)}, "must rise from 1, below the step limit of the fit, 50"),
        ({"rungs": (3, 50)}, "must rise from 1"),
        ({"left": (2,)}, "how many candidates go on"),
    ],
)
def test_a_contest_that_is_none_is_named(changed, told, monkeypatch):
    monkeypatch.setattr(lanes, "make_task", None)
    with pytest.raises(ValueError, match=told):
        run(of=competing()._replace(**changed))


def test_rows_that_run_in_turn_cannot_compete():
    rows = np.array([[0, 0], [1, 0]])
    both = stack_subjects([problem(), problem()])
    of = competing()._replace(repeats=2, order=(0,))
    with pytest.raises(ValueError, match="different indices of an outer axis"):
        fit_many(POISSON, both, [axes.subjects(2), axes.targets(TARGETS)], rows=rows, contest=of)


RIDGES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
NESTED = splits.nested(splits.blocks(120, 2), lambda index: splits.blocks(len(index), 2))
GLM = make_fit(
    models.linear(), losses.poisson, optimizers.lbfgs(), penalties.ridge(), Stop(max_steps=100),
    scores={"bits_per_spike": metrics.bits_per_spike},
)  # fmt: skip


def recording(targets=5):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 8)) @ rng.normal(size=(8, 8)) / 3
    y = rng.poisson(np.exp(x @ rng.normal(0, 0.4, (8, targets))))
    return make_inputs(x.astype(np.float32), y.astype(np.float32))


def searched(**options):
    options = {"halving": Halving(first=14, share=3), "lanes": LANES, **options}
    every = [axes.targets(5)]
    return search(GLM, recording(), every, NESTED, axes.grid(l2=RIDGES), **options)


@pytest.fixture(scope="module")
def found():
    return searched()


@pytest.fixture(scope="module")
def full():
    return searched(halving=None)


def test_a_search_chooses_among_those_that_ran_to_their_ends(found, full):
    gone = found.halved.stopped
    assert found.inner.shape == gone.shape == (5, 2, 2, 6) and 0.3 < gone.mean() < 0.9
    scores = found.inner.scores["bits_per_spike"]
    assert np.isnan(scores[gone]).all() and np.isfinite(scores[~gone]).all()
    assert np.isfinite(found.halved.scores).all()
    whole = full.inner.scores["bits_per_spike"]
    np.testing.assert_allclose(scores[~gone], whole[~gone], atol=1e-5)
    chosen = np.take_along_axis(gone.any(axis=2), found.selection.chosen, axis=-1)
    assert not chosen.any()
    same = (found.selection.chosen == full.selection.chosen)[..., 0]
    assert same.mean() >= 0.8
    kernels = (one.fits.params["readout"]["kernel"][same] for one in (found, full))
    np.testing.assert_allclose(*kernels, atol=1e-4)  # refits run to their ends


def test_what_it_took_is_told(found, full, tmp_path):
    halved, whole = found.halved, full.inner.steps.sum()
    assert halved.steps == found.inner.steps.sum() < whole / 1.2
    assert halved.steps < halved.without < 1.1 * whole
    told = f"{halved.steps} of about {halved.without} steps"
    assert told in str(halved) and told in repr(found)
    assert full.halved is None and "stopped" not in repr(full)


def test_it_is_kept(found, tmp_path):
    pytest.importorskip("flatbuffers")
    found.save(tmp_path / "found.jn")
    loaded = load(tmp_path / "found.jn")
    assert loaded.halved is not None
    assert (loaded.halved.steps, loaded.halved.without) == found.halved[2:]
    np.testing.assert_array_equal(loaded.halved.stopped, found.halved.stopped)
    np.testing.assert_array_equal(loaded.halved.scores, found.halved.scores)


@pytest.mark.slow
def test_fits_of_as_many_steps_each_are_counted_exactly():
    fit = make_fit(models.linear(), losses.poisson, optimizers.proximal(), stop=Stop(
        max_steps=20, gradient=0, plateau=0))  # fmt: skip
    grid = axes.grid(l2=RIDGES)
    halved = search(fit, recording(), [axes.targets(5)], NESTED, grid, halving=Halving(5, 3),
                    lanes=LANES).halved  # fmt: skip
    assert halved.without == 5 * 2 * 2 * 6 * 20  # 6 -> 2 at 5 steps -> 1 at 10
    assert halved.steps == 5 * 2 * 2 * (4 * 5 + 1 * 10 + 20)


def test_one_engine_serves_search_and_refits_and_other_rungs(found, monkeypatch):
    monkeypatch.setattr("jaxneuro.engine.programs._build", None)
    assert found.halved.steps == searched().halved.steps
    assert searched(halving=Halving(20, 2)).halved.steps > found.halved.steps


@pytest.mark.slow
def test_subjects_are_run_in_turn_and_compete_each_for_itself():
    stacked = recording()
    rng = np.random.default_rng(2)
    x = np.stack([np.asarray(stacked.x), rng.normal(size=stacked.x.shape).astype(np.float32)])
    both = stack_subjects([make_inputs(one, np.asarray(stacked.y)) for one in x])
    every = [axes.subjects(2), axes.targets(5)]
    options = {"halving": Halving(4, 3), "lanes": LANES}
    found = search(GLM, both, every, NESTED, axes.grid(l2=RIDGES), **options)
    alone = searched(halving=Halving(4, 3))
    np.testing.assert_array_equal(found.halved.stopped[0], alone.halved.stopped)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"halving": Halving(0)}, "halving.first is 0"),
        ({"halving": Halving(100)}, "below the step limit of the fit, 100"),
        ({"halving": Halving(5, 1)}, "halving.share is 1"),
        ({"condensed": True}, "halving goes without condensed=True"),
    ],
)
def test_what_cannot_be_is_named(options, told):
    with pytest.raises(ValueError, match=told):
        searched(**options)
