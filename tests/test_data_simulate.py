"""Simulators: the same seed gives the same data, and what was put in can be found again."""

import numpy as np
import pytest

from jaxneuro.data import simulate

SMALL = {
    "v1": lambda seed: simulate.v1_population(7, 50, (6, 8), seed=seed),
    "v1 natural": lambda seed: simulate.v1_population(7, 50, (6, 8), seed=seed, images="natural"),
    "motor": lambda seed: simulate.motor_population(5, 60, seed=seed),
    "patches": lambda seed: simulate.cortical_patches(40, 5, 2, 3, seed=seed),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_is_the_data(name: str) -> None:
    first, again, other = (SMALL[name](seed) for seed in (3, 3, 4))
    for field, value in first._asdict().items():
        np.testing.assert_array_equal(value, getattr(again, field), err_msg=field)
    assert not np.array_equal(first[0], other[0])
    for value in first:
        assert not isinstance(value, np.ndarray) or value.dtype in (np.float32, np.int32)


def test_v1_shapes() -> None:
    population = SMALL["v1"](0)
    assert population.images.shape == (50, 6, 8)
    assert population.counts.shape == (50, 7)
    assert population.receptive_fields.shape == (7, 6, 8)
    assert {len(value) for value in population[3:]} == {7}


def test_spike_triggered_average_finds_the_receptive_field() -> None:
    # With Gaussian white images the average is proportional to it (Chichilnisky 2001).
    population = simulate.v1_population(40, 6000, seed=0)
    average = np.tensordot(population.counts, population.images, axes=(0, 0))
    match = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(average, population.receptive_fields, strict=True)
    ]
    assert min(match) > 0.85
    wrong = np.corrcoef(average[0].ravel(), population.receptive_fields[1].ravel())[0, 1]
    assert wrong < 0.85


@pytest.mark.parametrize("images", ["white", "natural"])
def test_v1_rate_and_best_correlation_are_what_theory_says(images) -> None:
    rate, gain = 0.8, 0.7
    population = simulate.v1_population(200, 4000, seed=1, rate=rate, gain=gain, images=images)
    assert population.counts.mean() == pytest.approx(rate, rel=0.03)
    # A lognormal rate λ: correlation² of a Poisson count with λ is var λ / (var λ + mean λ).
    variance = rate**2 * np.expm1(gain**2)
    expected = np.sqrt(variance / (variance + rate))
    assert population.best_correlation.mean() == pytest.approx(expected, rel=0.03)


def test_natural_images_are_smooth_and_of_unit_variance() -> None:
    def neighbours(kind) -> float:
        images = simulate.v1_population(1, 3000, seed=2, images=kind).images
        assert images.std() == pytest.approx(1, abs=0.03)
        return float(np.mean(images[:, :, 1:] * images[:, :, :-1]))

    assert neighbours("natural") > 0.5
    assert abs(neighbours("white")) < 0.02


def test_receptive_fields_do_not_depend_on_the_number_of_neurons() -> None:
    few, many = (simulate.v1_population(n, 5, seed=0).receptive_fields for n in (3, 1100))
    np.testing.assert_array_equal(few, many[:3])
    assert len(np.unique(many.reshape(1100, -1), axis=0)) == 1100


def test_best_deviance_is_the_deviance_of_the_truth() -> None:
    population = simulate.v1_population(20, 3000, seed=5)

    def deviance(log_rate: np.ndarray) -> np.ndarray:
        counts = population.counts
        logs = np.where(counts > 0, counts * np.log(np.maximum(counts, 1e-9)), 0)
        return 2 * np.mean(logs - counts * log_rate - counts + np.exp(log_rate), axis=0)

    drive = np.tensordot(population.images, population.receptive_fields, axes=([1, 2], [1, 2]))
    np.testing.assert_allclose(
        deviance(population.offset + drive), population.best_deviance, rtol=1e-4
    )
    assert np.all(deviance(population.offset + 0.8 * drive) > population.best_deviance)


def test_motor_tuning_is_found_at_its_lag() -> None:
    truth = simulate.motor_population(12, 20_000, seed=0, rate=20)
    for unit in range(12):
        lag = truth.lag[unit]
        counts = truth.counts[: len(truth.counts) - 4, unit]
        gains = np.stack(
            [(counts @ truth.velocity[k : k + len(counts)]) / len(counts) for k in range(5)]
        )
        assert np.linalg.norm(gains, axis=1).argmax() == pytest.approx(lag, abs=1)
        angle = np.arctan2(*gains[lag][::-1])
        assert np.cos(angle - truth.direction[unit]) > 0.95


def test_motor_velocity_is_smooth_and_rates_are_as_asked() -> None:
    truth = simulate.motor_population(50, 20_000, seed=1, rate=8, dt=0.05)
    assert truth.velocity.std(axis=0) == pytest.approx([1, 1], abs=0.05)
    step = np.diff(truth.velocity, axis=0).std(axis=0)
    # A Gaussian of σ seconds: correlation exp(-dt²/4σ²) from one sample to the next.
    assert step == pytest.approx(np.sqrt(2 - 2 * np.exp([-1 / 64] * 2)), rel=0.05)
    rates = truth.counts.mean(axis=0) / 0.05
    assert rates.mean() == pytest.approx(8, rel=0.15)
    assert rates.min() > 2.5
    assert rates.max() < 15


def test_patches_hide_their_area_from_single_pixels_only() -> None:
    truth = simulate.cortical_patches(3000, seed=0)
    assert truth.x.shape == (3000, 9, 9, 3)
    assert truth.y.min() == 0
    assert truth.y.max() == 3
    assert 0.9 < truth.best_accuracy < 1

    def by_class_mean(x: np.ndarray) -> float:
        x = x.reshape(len(x), -1)
        fit, test = slice(0, 2000), slice(2000, None)
        means = np.stack([x[fit][truth.y[fit] == k].mean(axis=0) for k in range(4)])
        distance = ((x[test][:, None] - means) ** 2).sum(axis=2)
        return float(np.mean(distance.argmin(axis=1) == truth.y[test]))

    assert by_class_mean(truth.x) < 0.35
    # Energy in each area's own textures: quadratic in x, as a square of filters would find it.
    filters = truth.textures.reshape(4, 16, -1)
    energy = ((truth.x.reshape(3000, -1) @ filters.reshape(64, -1).T).reshape(-1, 4, 16)) ** 2
    found = float(np.mean(energy.sum(axis=2).argmax(axis=1) == truth.y))
    assert 0.8 < found <= truth.best_accuracy + 0.02


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: simulate.v1_population(0, 5, seed=0), "neurons"),
        (lambda: simulate.v1_population(5, 5, (0, 3), seed=0), "pixels"),
        (lambda: simulate.v1_population(5, 5, seed=0, rate=-1), "rate"),
        (lambda: simulate.v1_population(5, 5, seed=0, images="blue"), "blue"),  # pyright: ignore
        (lambda: simulate.motor_population(5, 5, 0.0, seed=0), "dt"),
        (lambda: simulate.cortical_patches(5, classes=0, seed=0), "classes"),
    ],
)
def test_bad_arguments_are_named(call, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()
