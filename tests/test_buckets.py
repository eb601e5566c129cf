"""Recordings of about the same size share their programs, and padding changes no answer."""

import jax
import numpy as np
import pytest
from helpers import settled

from jaxneuro import (
    axes,
    encoding,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    metrics,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro.engine import buckets
from jaxneuro.inputs import stack_subjects
from jaxneuro.sizes import bucket

COMPILED = []


@pytest.fixture(autouse=True, scope="module")
def count_programs():
    def listen(name, seconds, **_):
        if name == "/jax/core/compile/backend_compile_duration":
            COMPILED.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield
    jax.monitoring.unregister_event_duration_listener(listen)


def recording(samples, neurons, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(samples, 4))
    return x, random.poisson(np.exp(x @ random.normal(0, 0.3, (4, neurons))))


def test_a_ninth_at_most_is_padding():
    sizes = np.arange(1, 5000)
    padded = np.array([bucket(int(size)) for size in sizes])
    assert (padded >= sizes).all() and ((padded - sizes) / padded <= 1 / 9).all()
    assert len(set(padded[1024:2048])) == 8


def test_another_recording_of_about_the_size_compiles_nothing():
    def search(samples, neurons, seed):
        x, y = recording(samples, neurons, seed)
        held_out = np.arange(samples) > 0.8 * samples
        nested = splits.nested(splits.holdout(held_out), lambda i: splits.blocks(len(i), 3))
        found = encoding.encode(
            encoding.poisson_glm(), x, y, nested, axes.grid(l2=[0.001, 0.01, 0.1])
        )
        return found, found.fits.predict(x)

    search(250, 20, 0)
    settled()
    COMPILED.clear()
    found, rates = search(242, 17, 1)
    settled()
    assert not COMPILED and found.compile_seconds < 0.1
    assert rates.shape == (17, 1, 242)


FIT = make_fit(
    models.linear(), losses.poisson, optimizers.lbfgs(), penalties.ridge(),
    scores={"deviance": metrics.poisson_deviance}, standardise=True,
)  # fmt: skip


def some_axes(samples, neurons):
    yield [axes.targets(neurons), axes.folds(splits.blocks(samples, 2)), axes.grid(l2=[0.1, 1])]
    yield [axes.targets([2, 0]), axes.folds(splits.k_fold(samples, 3)), axes.seeds(2)]
    yield [axes.targets(neurons), axes.ablations(np.eye(4))]


@pytest.mark.slow
@pytest.mark.parametrize("which", range(3))
def test_padding_changes_no_answer(which, monkeypatch):
    x, y = recording(67, 3)
    every = list(some_axes(67, 3))[which]
    inputs = make_inputs(x, y.astype(float), hyper={"l2": 0.1})
    padded = fit_many(FIT, inputs, every)
    assert padded.predict(x).shape[-1] == 67
    monkeypatch.setattr(buckets, "_MOST_BYTES", -1)
    plain = fit_many(FIT, inputs, every)
    for got, wanted in zip(*map(jax.tree.leaves, (padded.params, plain.params)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    assert {*padded.statuses(), *plain.statuses()} <= {"converged", "plateau"}
    np.testing.assert_allclose(padded.scores["deviance"], plain.scores["deviance"], rtol=1e-4)


def test_subjects_are_padded_in_time_and_by_neurons():
    parts = [make_inputs(*recording(samples, 3, samples)) for samples in (33, 35)]
    every = [axes.subjects(2), axes.targets(3)]
    stacked, grown = buckets.fill(stack_subjects(parts), every)
    assert stacked.x.shape == (2, 36, 4) and stacked.y.shape == (2, 36, 4)
    assert not stacked.weight[:, 35:].any()
    one = grown[0].select(stacked, 1)
    assert grown[1].select(one, 2).y.shape == (36,)


@pytest.mark.slow
def test_draws_leave_the_padding_out():
    """Resampled groups, permutations and shifts of padded inputs: only what is there moves."""
    samples = 33
    groups = np.arange(samples) // 5
    inputs = make_inputs(np.ones((samples, 1)), np.arange(samples, dtype=float))
    for axis in (
        axes.bootstraps(3),
        axes.bootstraps(3, groups=groups),
        axes.permutations(3),
        axes.permutations(3, groups=groups),
        axes.shifts(3, 4),
    ):
        padded, (grown,) = buckets.fill(inputs, [axis])
        assert padded.weight.shape == (36,)
        drawn = grown.select(padded, 2)
        np.testing.assert_array_equal(np.asarray(drawn.weight)[samples:], 0)
        if axis.name == "bootstrap":
            assert np.asarray(drawn.weight).sum() > 0
        else:
            moved = np.asarray(drawn.y)[:samples]
            assert sorted(moved) == list(range(samples)) and (moved != np.arange(samples)).any()


def test_an_axis_of_ones_own_leaves_the_inputs_as_they_are():
    def early(inputs, index):
        return inputs._replace(weight=inputs.weight * (np.arange(33) < 20))

    from jaxneuro import Axis

    inputs = make_inputs(*recording(33, 3))
    same, _ = buckets.fill(inputs, [axes.targets(3), Axis("early", 1, early)])
    assert same is inputs
