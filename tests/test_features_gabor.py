"""Gabor bank and motion energy: by brute force, by gratings, over no edge."""

import pickle

import numpy as np
import pytest

from jaxneuro import features as f

SHAPE = (24, 32)
BANK = f.gabor_bank(SHAPE, (2, 4), 3)
MOVING = f.gabor_bank(SHAPE, (3,), 4, rates=(0, 4), fps=30)


def grating(frequency: float, degrees: float, phase=0.0, rate=0.0, frames=1, fps=30.0):
    """(frame, y, x) of amplitude 1; it moves towards `degrees`, 90 being up."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    angle = np.radians(degrees)
    place = 2 * np.pi * frequency / SHAPE[0] * (column * np.cos(angle) - row * np.sin(angle))
    time = 2 * np.pi * rate / fps * np.arange(frames)
    return np.cos(place - time[:, None, None] + phase)


def brute_force(bank, images: np.ndarray) -> np.ndarray:
    """(frame, filter) complex: the formula of the docstring, filter by filter."""
    row, column = np.mgrid[: bank.shape[0], : bank.shape[1]]
    lags = np.arange(bank.window)
    h = np.exp(-0.5 * ((lags - (bank.window - 1) / 2) * 6 / bank.window) ** 2)
    h /= h.sum()
    out = []
    for x, y, size, frequency, direction, rate in zip(*bank.filters, strict=True):
        envelope = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * size**2))
        envelope /= envelope.sum()
        k, angle = 2 * np.pi * frequency / bank.shape[0], np.radians(direction)
        wave = np.exp(1j * k * ((column - x) * np.cos(angle) - (row - y) * np.sin(angle)))
        gabor = 2 * envelope * (wave - (envelope * wave).sum())
        still = np.einsum("tyx,yx->t", images, gabor)
        turn = np.exp(2j * np.pi * rate / bank.fps * lags) if rate else np.ones(bank.window)
        out.append(np.convolve(still, h * turn)[: len(images)])
    return np.stack(out, axis=1)


@pytest.mark.parametrize("bank", [BANK, MOVING], ids=["still", "moving"])
def test_the_formula(bank) -> None:
    images = np.random.default_rng(0).normal(size=(150, *SHAPE))  # more than a block
    expected = brute_force(bank, images)
    pairs = bank(images, output="phases")
    assert pairs.shape == (*expected.shape, 2) and pairs.dtype == np.float64
    np.testing.assert_allclose(pairs[..., 0] + 1j * pairs[..., 1], expected, atol=1e-12)
    np.testing.assert_allclose(bank(images), np.abs(expected) ** 2, atol=1e-12)
    np.testing.assert_allclose(bank(images, output="amplitude"), np.abs(expected), atol=1e-12)
    single = bank(images.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, np.abs(expected) ** 2, rtol=1e-3, atol=1e-5)
    flat = np.full((bank.window, *SHAPE), 200, np.uint8)
    assert bank(flat)[-1].max() < 1e-6  # of 200² = 4e4


def test_a_bank_is_a_value_and_knows_its_filters() -> None:
    assert BANK == f.gabor_bank(SHAPE, [2, 4], 3) == pickle.loads(pickle.dumps(BANK))
    assert hash(BANK) == hash(f.gabor_bank(SHAPE, (2, 4), 3)) and BANK != MOVING
    found = BANK.filters
    assert set(found.frequency) == {2, 4} and set(np.round(found.direction)) == {0, 60, 120}
    assert (found.frequency == 4).sum() > (found.frequency == 2).sum()  # on a finer grid
    assert len(set(BANK.names)) == len(BANK.names) == BANK(np.zeros((1, *SHAPE))).shape[1]
    np.testing.assert_allclose(found.x.reshape(-1).mean(), (SHAPE[1] - 1) / 2)
    np.testing.assert_allclose(found.size[0], 0.3 * 24)
    np.testing.assert_allclose(found.size[-1], 0.6 / 4 * 24)
    moving = MOVING.filters
    assert sorted(set(moving.direction[moving.rate > 0])) == list(range(0, 360, 45))
    assert moving.direction[moving.rate == 0].max() == 135
    assert MOVING.window == 20 and MOVING.names[-1].endswith("3 c 315° 4 Hz")


@pytest.mark.parametrize("degrees", [0, 60, 120])
def test_energy_of_a_grating_does_not_depend_on_phase(degrees: float) -> None:
    phases = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    images = np.concatenate([grating(4, degrees, phase) for phase in phases])
    energy, found = BANK(images), BANK.filters
    best = (found.frequency == 4) & (np.abs(found.direction - degrees) < 1)
    middle = best & (np.hypot(found.x - 15.5, found.y - 11.5) < 8)
    assert middle.any()
    np.testing.assert_allclose(energy[:, middle], 1, atol=0.05)
    assert energy[:, ~best].max() < 0.2
    linear = BANK(images, output="phases")[:, middle]
    assert np.abs(linear[0] - linear[2]).max() > 0.5  # which the two phases do


@pytest.mark.parametrize("degrees", [0, 45, 90, 180, 270])
def test_motion_energy_tells_directions_apart(degrees: float) -> None:
    energy = MOVING(grating(3, degrees, rate=4, frames=60))[40:]
    found = MOVING.filters
    middle = np.hypot(found.x - 15.5, found.y - 11.5)
    for k in np.flatnonzero(middle == middle.min()):
        if found.rate[k] and found.direction[k] == degrees:
            np.testing.assert_allclose(energy[:, k], 1, atol=0.1)
        elif found.rate[k] and abs(found.direction[k] - degrees) == 180:
            assert energy[:, k].max() < 0.02
        else:
            assert energy[:, k].max() < 0.5


def test_movies_are_seen_backwards_only_and_over_no_edge() -> None:
    images = np.random.default_rng(1).normal(size=(90, *SHAPE))
    made, other = MOVING(images), images.copy()
    other[50:] += 1
    np.testing.assert_array_equal(MOVING(other)[:50], made[:50])
    trials = np.repeat([0, 1, 0], [40, 35, 15])
    each = [MOVING(part) for part in np.split(images, [40, 75])]
    np.testing.assert_allclose(MOVING(images, trials), np.concatenate(each), atol=1e-12)


BAD = {
    "shape": (lambda: f.gabor_bank(5), "gabor_bank: shape is 5"),
    "a side": (lambda: f.gabor_bank((5, 1)), "gabor_bank: shape is 1"),
    "frequency": (lambda: f.gabor_bank(SHAPE, (0,)), "gabor_bank: frequencies is 0"),
    "too fine": (lambda: f.gabor_bank(SHAPE, (13,)), "frequencies has 13.0; 24 pixels can show 12"),
    "none": (lambda: f.gabor_bank(SHAPE, ()), "frequencies and rates must each have one"),
    "no fps": (lambda: f.gabor_bank(SHAPE, rates=(2,)), "gabor_bank: fps is missing"),
    "too fast": (lambda: f.gabor_bank(SHAPE, rates=(9,), fps=10), "rates has 9.0; 10.0 frames a"),
    "orientations": (lambda: f.gabor_bank(SHAPE, orientations=0), "orientations is 0"),
    "window": (lambda: f.gabor_bank(SHAPE, fps=30, window=0), "window is 0"),
    "images": (lambda: BANK(np.ones((2, 24, 24))), r"images has shape \(2, 24, 24\); it must be"),
    "output": (lambda: BANK(np.ones((2, *SHAPE)), output="sum"), "output is 'sum'"),
    "nan": (lambda: BANK(np.full((2, *SHAPE), np.nan)), "images has values that are not finite"),
    "trials": (lambda: BANK(np.ones((2, *SHAPE)), [1]), r"gabor_bank: trials has shape \(1,\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_name_the_field(name: str) -> None:
    call, says = BAD[name]
    with pytest.raises(ValueError, match=says):
        call()
