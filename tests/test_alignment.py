"""Subjects in a common space: rotations against scipy, the likelihood, and what is held out."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import multivariate_normal, ortho_group

from jaxneuro.areas.alignment import hyperalign, procrustes
from jaxneuro.areas.segments import match_segments
from jaxneuro.areas.shared_response import shared_response

SIZES = (30, 45, 38, 60)  # of those that are fitted


def simulated(seed, sizes=(*SIZES, 41), time=300, features=5, noise=0.5):
    """Subjects by name, and the shared response (time, feature)."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(time, features)) * np.linspace(2, 1, features)
    bases = [np.linalg.qr(rng.normal(size=(size, features)))[0] for size in sizes]
    data = {
        f"s{i}": shared @ base.T + noise * rng.normal(size=(time, len(base))) + rng.normal()
        for i, base in enumerate(bases)
    }
    return data, shared, bases


@pytest.fixture(scope="module")
def model():
    data, shared, bases = simulated(0)
    train = np.arange(300) < 150
    four = {name: data[name] for name in ("s0", "s1", "s2", "s3")}
    return four, shared, bases, shared_response(four, 5, train), data["s4"]


@pytest.fixture(scope="module")
def rotated():
    """The same patterns, rotated for each of four subjects, with noise."""
    rng = np.random.default_rng(1)
    pattern = rng.normal(size=(200, 12))
    rotations = [ortho_group.rvs(12, random_state=seed) for seed in range(4)]
    return [pattern @ r + 0.3 * rng.normal(size=(200, 12)) for r in rotations]


def test_procrustes_is_scipys():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(2, 50, 9))
    np.testing.assert_allclose(
        procrustes(x, target), orthogonal_procrustes(x, target)[0], atol=2e-5
    )


def test_procrustes_to_fewer_features_has_orthonormal_columns_and_recovers_a_rotation():
    rng = np.random.default_rng(0)
    base = np.linalg.qr(rng.normal(size=(9, 4)))[0]
    shared = rng.normal(size=(50, 4))
    np.testing.assert_allclose(procrustes(shared @ base.T, shared), base, atol=1e-5)


def test_hyperalign_brings_rotated_subjects_together(rotated):
    train = np.arange(200) < 100
    found = hyperalign(rotated, train)
    there = np.stack([found.transform(x[~train], i) for i, x in enumerate(rotated)])
    assert match_segments(there, 3).mean() > 0.95
    before = np.stack(rotated)[:, ~train]
    assert match_segments(before, 3).mean() < 0.3
    for base in found.bases.values():
        np.testing.assert_allclose(base.T @ base, np.eye(12), atol=1e-5)


def test_more_passes_never_part_the_subjects(rotated):
    train = np.arange(200) < 100

    def distance(passes):
        found = hyperalign(rotated, train, passes)
        there = np.stack([found.transform(x[train], i) for i, x in enumerate(rotated)])
        return np.square(there - there.mean(axis=0)).sum()

    distances = np.array([distance(passes) for passes in range(4)])
    assert (np.diff(distances) <= 1e-5 * distances[0]).all()


def test_hyperalign_of_subjects_without_noise_is_exact():
    rng = np.random.default_rng(3)
    pattern = rng.normal(size=(80, 6))
    pattern -= pattern.mean(axis=0)
    data = [pattern @ ortho_group.rvs(6, random_state=seed) for seed in range(3)]
    found = hyperalign(data, passes=1)
    for i, x in enumerate(data):
        np.testing.assert_allclose(found.transform(x, i), found.shared, atol=1e-4)
        np.testing.assert_allclose(found.inverse(found.shared, i), x, atol=1e-4)


def test_the_likelihood_never_falls(model):
    told = model[3].log_likelihood
    assert (np.diff(told) > -2e-6).all() and told[-1] > told[0]


def test_the_likelihood_is_that_of_the_normal_distribution(model):
    data, _, _, found, _ = model
    base = np.concatenate(list(found.bases.values())).astype(float)
    noise = np.repeat(list(found.noise.values()), SIZES)
    covariance = base @ found.covariance.astype(float) @ base.T + np.diag(noise)
    x = np.concatenate([data[name] - found.means[name] for name in data], axis=1)[found.train]
    exact = multivariate_normal(np.zeros(len(base)), covariance).logpdf(x).mean() / len(base)
    assert found.log_likelihood[-1] == pytest.approx(exact, abs=1e-4)


def test_the_truth_is_found_again(model):
    _, shared, bases, found, _ = model
    truth = shared[found.train] - shared[found.train].mean(axis=0)
    weights = np.linalg.lstsq(found.shared, truth, rcond=None)[0]
    left = truth - found.shared @ weights
    assert (1 - left.var(axis=0) / truth.var(axis=0)).min() > 0.93
    for base, fitted in zip(bases[:4], found.bases.values(), strict=True):
        assert np.linalg.svd(base.T @ fitted)[1].min() > 0.93  # the same subspace
    np.testing.assert_allclose(list(found.noise.values()), 0.25, rtol=0.05)


def test_held_out_segments_are_known_again(model):
    data, _, _, found, _ = model
    there = np.stack([found.transform(x[~found.train], name) for name, x in data.items()])
    assert match_segments(there, 5).min() > 0.95
    rng = np.random.default_rng(0)
    nothing = rng.normal(size=there.shape)
    assert match_segments(nothing, 5).mean() < 0.1  # chance is 5 / 150


def test_rotating_a_subjects_voxels_changes_nothing_that_is_shared(model):
    data, _, _, found, _ = model
    turned = {name: x @ ortho_group.rvs(x.shape[1], random_state=3) for name, x in data.items()}
    again = shared_response(turned, 5, found.train)
    np.testing.assert_allclose(np.abs(again.shared), np.abs(found.shared), atol=2e-2)
    np.testing.assert_allclose(again.log_likelihood, found.log_likelihood, atol=1e-5)


def test_samples_that_are_not_fitted_are_never_seen(model):
    data, _, _, found, _ = model
    spoilt = {name: np.where(found.train[:, None], x, np.nan) for name, x in data.items()}
    again = shared_response(spoilt, 5, found.train)
    np.testing.assert_array_equal(again.shared, found.shared)


def test_hyperalign_never_sees_the_others_either(rotated):
    train = np.arange(200) < 100
    spoilt = [np.where(train[:, None], x, np.nan) for x in rotated]
    first, again = (hyperalign(x, train) for x in (rotated, spoilt))
    np.testing.assert_array_equal(first.shared, again.shared)


def test_a_new_subject_joins_and_changes_no_other(model):
    data, _, _, found, new = model
    joined = found.add(new, "new")
    for name in data:
        assert joined.bases[name] is found.bases[name]
    there = [joined.transform(x[~found.train], name) for name, x in data.items()]
    there.append(joined.transform(new[~found.train], "new"))
    assert match_segments(np.stack(there), 5)[-1] > 0.95
    assert joined.noise["new"] == pytest.approx(0.25, rel=0.15)
    assert set(found.bases) == set(data)


def test_a_subject_is_seen_through_the_others(model):
    """What one subject's voxels did, out of the responses of the others."""
    data, _, _, found, _ = model
    guess = np.mean([found.transform(data[n][~found.train], n) for n in ("s0", "s1", "s2")], axis=0)
    there = found.inverse(guess, "s3")
    truth = data["s3"][~found.train]
    r = np.corrcoef(there.ravel(), truth.ravel())[0, 1]
    shifted = np.corrcoef(np.roll(there, 20, axis=0).ravel(), truth.ravel())[0, 1]
    assert r > shifted + 0.25


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda d: hyperalign([d["s0"]]), "at least 2"),
        (lambda d: hyperalign(d), "shared_response any"),
        (lambda d: shared_response(d, 31), "'s0': 31 features"),
        (lambda d: shared_response({**d, "s2": d["s2"][:9]}, 3), "'s2' is"),
        (lambda d: shared_response({**d, "s1": d["s1"] * np.nan}, 3), "'s1' has values"),
        (lambda d: shared_response(d, 0), "features = 0"),
        (lambda d: procrustes(d["s0"][:, :3], d["s1"]), "no fewer voxels"),
        (lambda d: match_segments(np.zeros((2, 10, 3)), 6), "twice"),
        (lambda d: shared_response(d, 3, np.ones(300)), "train must be bool"),
    ],
)
def test_bad_input_is_told(model, call, told):
    with pytest.raises(ValueError, match=told):
        call(model[0])


def test_unknown_subjects_and_other_voxels_are_told(model):
    found = model[3]
    with pytest.raises(ValueError, match="one of"):
        found.transform(np.zeros((3, 30)), "nobody")
    with pytest.raises(ValueError, match="30 voxels"):
        found.transform(np.zeros((3, 31)), "s0")
    with pytest.raises(ValueError, match="5 features"):
        found.inverse(np.zeros((3, 31)), "s0")
    with pytest.raises(ValueError, match="there already"):
        found.add(np.zeros((300, 30)), "s0")
