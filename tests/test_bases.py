"""Bases as values: their functions by other libraries, names, curves, bounds."""

import copy
import pickle

import numpy as np
import pytest
from numerics import float64

from jaxneuro import features as f

BOUNDS = (-1.0, 3.0)
X = np.r_[BOUNDS, np.linspace(*BOUNDS, 9), np.random.default_rng(0).uniform(*BOUNDS, 100)]
# Every kind of basis, by a function of what all share.
KINDS = {
    "raised cosine": lambda **how: f.raised_cosine(6, **how),
    "log raised cosine": lambda **how: f.raised_cosine(6, stretch=50, **how),
    "b-spline": lambda **how: f.b_spline(6, **how),
    "m-spline": lambda **how: f.m_spline(6, **how),
    "cyclic spline": lambda **how: f.cyclic_spline(6, **how),
    "fourier": lambda **how: f.fourier(3, **how),
    "polynomial": lambda **how: f.polynomial(3, **how),
    "legendre": lambda **how: f.polynomial(3, legendre=True, **how),
    "identity": lambda **how: f.identity(**how),
}
every = pytest.mark.parametrize("kind", KINDS)
PERIODIC = ("cyclic spline", "fourier")
UNBOUNDED = ("polynomial", "identity")


@every
def test_a_basis_is_a_value(kind: str) -> None:
    a, b = (KINDS[kind](bounds=BOUNDS, name="v") for _ in range(2))
    assert a == b and hash(a) == hash(b)
    assert a != KINDS[kind](bounds=(0, 1), name="v") and a != KINDS[kind](bounds=BOUNDS)
    other = f.b_spline(4, bounds=(0, 1), name="w")
    for one in (a, a + other, a * other, (a + other) * f.fourier(1, bounds=(0, 1), name="z")):
        for twin in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
            assert twin == one and hash(twin) == hash(one)
    assert a + other != other + a


@every
def test_shapes_names_and_curves(kind: str) -> None:
    basis = KINDS[kind](bounds=BOUNDS, name="v")
    made = basis.evaluate(X)
    assert made.shape == (len(X), basis.size) and made.dtype == np.float64
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(basis.evaluate({"v": X, "w": 0}), made)
    np.testing.assert_array_equal(basis.evaluate(X[:108].reshape(4, 27))[1, 2], made[29])
    assert len(set(basis.names)) == basis.size and basis.variables == ("v",)
    assert basis.groups == ("v",) * basis.size and basis.slices == {"v": slice(0, basis.size)}
    weights = np.random.default_rng(1).normal(size=(2, 3, basis.size))
    (grid,), curves = basis.curves(weights, at=X)
    np.testing.assert_array_equal(grid, X)
    np.testing.assert_allclose(curves, weights @ made.T, atol=1e-12)
    (grid,), curves = basis.curves(weights[0, 0])
    assert (grid[0], grid[-1]) == BOUNDS and grid.shape == curves.shape == (100,)
    assert basis.curves(weights, at=7).values.shape == (2, 3, 7)
    # A point alone is the point among others.
    np.testing.assert_array_equal(basis.evaluate(X[3]), made[3])


@every
def test_outside_the_bounds_and_missing(kind: str) -> None:
    basis = KINDS[kind](bounds=BOUNDS)
    made = basis.evaluate([-1.5, 3.5, np.nan, np.inf, 0.0])
    if kind in PERIODIC:
        np.testing.assert_allclose(made[:2], basis.evaluate([2.5, -0.5]), atol=1e-14)
    else:
        assert np.isnan(made[:2]).all()
    assert np.isnan(made[2:4]).all() and np.isfinite(made[4]).all()
    # float32 data at decimal bounds are at the edge, not outside.
    low, high = 0.7, 1.1
    basis = KINDS[kind](bounds=(low, high))
    edges = np.float32([low, high]).astype(float)
    assert edges[0] < low and edges[1] > high
    np.testing.assert_allclose(basis.evaluate(edges), basis.evaluate([low, high]), atol=1e-5)


@every
def test_bounds_come_from_what_is_fitted(kind: str) -> None:
    basis = KINDS[kind](name="v")
    train = np.arange(10) < 7
    values = np.r_[0.5, 2.0, np.nan, 1.0, -1.0, 0, 0, 5.0, -3.0, 1.0]
    if kind in UNBOUNDED:
        assert basis.bounded(values, fitted=train) == basis
        assert np.isfinite(basis.evaluate(values)).all(axis=1).sum() == 9
        with pytest.raises(ValueError, match="curves: 'v' has no bounds to span"):
            basis.curves(np.ones(basis.size))
        return
    if kind in PERIODIC:
        for call in (basis.bounded, basis.evaluate):
            with pytest.raises(ValueError, match=r"'v' has no period: give bounds=\(0, 360\)"):
                call(values)
        return
    with pytest.raises(ValueError, match=r"'v' has no bounds: .*basis.bounded\(..., fitted=train"):
        basis.evaluate(values)
    made = basis.bounded(values, fitted=train)
    assert made == KINDS[kind](bounds=(-1, 2), name="v")
    assert made.bounded(values) == made  # never estimated again
    found = made.evaluate(values)
    np.testing.assert_array_equal(np.isnan(found).any(axis=1), np.isin(np.arange(10), (2, 7, 8)))
    both = (basis + f.fourier(1, bounds=(0, 1), name="w")).bounded({"v": values}, fitted=train)
    assert both == made + f.fourier(1, bounds=(0, 1), name="w")
    with pytest.raises(ValueError, match="bounded: 'v' has no two different values"):
        basis.bounded(np.ones(5))
    with pytest.raises(ValueError, match=r"bounded: fitted has shape \(3,\), and 'v' has"):
        basis.bounded(values, fitted=train[:3])


def test_partition_of_unity_and_of_area() -> None:
    x = np.linspace(0, 2, 20_001)
    for basis in (f.b_spline(7, 4), f.b_spline(5, 1), f.b_spline(4, 4), f.b_spline(6, 2)):
        made = basis.bounded(x).evaluate(x)
        np.testing.assert_allclose(made.sum(axis=1), 1, atol=1e-13)
        assert made.min() >= 0
    np.testing.assert_allclose(f.cyclic_spline(5, bounds=(0, 2)).evaluate(x).sum(axis=1), 1)
    made = f.m_spline(6, 3, bounds=(0, 2)).evaluate(x)
    area = (made[1:] + made[:-1]).sum(axis=0) / 2 * (x[1] - x[0])
    np.testing.assert_allclose(area, 1, atol=1e-6)
    middle = f.raised_cosine(9, width=2, bounds=(0, 2)).evaluate(x[5_001:15_000])
    np.testing.assert_allclose(middle.sum(axis=1), 2)


def test_splines_of_scipy() -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    for count, order in ((4, 4), (9, 4), (6, 3), (5, 2), (7, 1)):
        inner = np.linspace(*BOUNDS, count - order + 2)
        knots = np.pad(inner, order - 1, mode="edge")
        theirs = interpolate.BSpline(knots, np.eye(count), order - 1)(X)
        mine = f.b_spline(count, order, bounds=BOUNDS).evaluate(X)
        np.testing.assert_allclose(mine, theirs, atol=1e-14)
        size = order / (knots[order:] - knots[:count])
        mine = f.m_spline(count, order, bounds=BOUNDS).evaluate(X)
        np.testing.assert_allclose(mine, theirs * size, atol=1e-13)


def test_a_cyclic_spline_is_smooth_across_its_seam() -> None:
    basis = f.cyclic_spline(5, bounds=(0, 360))
    around = basis.evaluate(np.arange(-10, 10) * 0.5)
    assert np.abs(np.diff(around, 2, axis=0)).max() < 1e-3
    np.testing.assert_allclose(basis.evaluate([-30.0]), basis.evaluate([690.0]), atol=1e-14)
    turned = basis.evaluate(X * 10 + 72)  # a knot on: the same functions, one further
    np.testing.assert_allclose(turned, np.roll(basis.evaluate(X * 10), 1, axis=1), atol=1e-13)


def test_evaluated_bases_of_nemos() -> None:
    nemos = pytest.importorskip("nemos.basis")
    pairs = []
    for n in (4, 7):
        for width in (1.5, 2.0, 3.0):
            pairs += [
                (f.raised_cosine(n, width=width, bounds=BOUNDS),
                 nemos.RaisedCosineLinearEval(n, width=width, bounds=BOUNDS)),
                (f.raised_cosine(n, width=width, stretch=50, bounds=BOUNDS),
                 nemos.RaisedCosineLogEval(n, width=width, bounds=BOUNDS)),
            ]  # fmt: skip
        pairs.append(
            (f.raised_cosine(n, stretch=9, decays=False, bounds=BOUNDS),
             nemos.RaisedCosineLogEval(n, time_scaling=9, enforce_decay_to_zero=False,
                                       bounds=BOUNDS))
        )  # fmt: skip
        for order in (2, 4):
            how = {"order": order, "bounds": BOUNDS}
            pairs += [
                (f.b_spline(n, **how), nemos.BSplineEval(n, **how)),
                (f.m_spline(n, **how), nemos.MSplineEval(n, **how)),
                (f.cyclic_spline(n, **how), nemos.CyclicBSplineEval(n, **how)),
            ]
    pairs.append((f.identity(bounds=BOUNDS), nemos.IdentityEval(bounds=BOUNDS)))
    with float64():
        for mine, theirs in pairs:
            expected = np.asarray(theirs.compute_features(X))
            np.testing.assert_allclose(mine.evaluate(X), expected, atol=1e-13)
        theirs = np.asarray(nemos.FourierEval(4, bounds=BOUNDS).compute_features(X))
    mine = f.fourier(3, bounds=BOUNDS).evaluate(X).reshape(len(X), 3, 2)
    np.testing.assert_allclose(mine.transpose(0, 2, 1).reshape(len(X), 6), theirs, atol=1e-13)


@every
def test_no_samples(kind: str) -> None:
    basis = KINDS[kind](bounds=BOUNDS)
    assert basis.evaluate([]).shape == (0, basis.size)
    kernel = KINDS[kind]().convolve(np.zeros((0, 3)), 5, trials=[])
    assert kernel.shape[:2] == (0, 3)


def test_polynomials() -> None:
    x = np.array([-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(f.polynomial(3).evaluate(x), np.stack([x, x**2, x**3], 1))
    np.testing.assert_array_equal(f.polynomial(1, constant=True).evaluate(x)[:, 0], 1)
    u = np.linspace(-1, 1, 5)
    made = f.polynomial(2, legendre=True, bounds=(-2, 2)).evaluate(2 * u)
    np.testing.assert_allclose(made, np.stack([u, 1.5 * u**2 - 0.5], axis=1), atol=1e-15)
    assert f.polynomial(2, name="v").names == ("v[^1]", "v[^2]")
    assert f.fourier(1, constant=True, name="v").names == ("v[1]", "v[cos 1]", "v[sin 1]")
