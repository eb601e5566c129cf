"""Bases side by side and as products: features, names, curves; and what is refused."""

import numpy as np
import pytest

from jaxneuro import features as f


def test_sums_and_products() -> None:
    rng = np.random.default_rng(2)
    a, b = f.b_spline(5, bounds=(0, 1), name="a"), f.fourier(1, bounds=(0, 1), name="b")
    c = f.raised_cosine(4, bounds=(0, 1), name="c")
    va, vb, vc = rng.random((3, 20))
    ea, eb, ec = a.evaluate(va), b.evaluate(vb), c.evaluate(vc)
    ab = np.einsum("ti,tj->tij", ea, eb).reshape(20, -1)
    np.testing.assert_array_equal((a + b).evaluate(va, vb), np.concatenate([ea, eb], axis=1))
    np.testing.assert_array_equal((a * b).evaluate(va, vb), ab)
    whole = a * b + c + a
    assert whole.variables == ("a", "b", "c") and whole.size == 19
    assert list(whole.slices) == ["a*b", "c", "a"] and whole.groups[9:11] == ("a*b", "c")
    assert whole.names[:3] == ("a[0]*b[cos 1]", "a[0]*b[sin 1]", "a[1]*b[cos 1]")
    made = whole.evaluate({"c": vc, "b": vb, "a": va})
    np.testing.assert_array_equal(made, np.concatenate([ab, ec, ea], axis=1))
    np.testing.assert_array_equal(whole.evaluate(va, vb, vc), made)
    assert whole.evaluate(va, vb, vc, dtype=np.float32).dtype == np.float32
    triple = a * b * c
    assert triple.label == "a*b*c" and triple.size == 40
    np.testing.assert_allclose(
        triple.evaluate(va, vb, vc), np.einsum("ti,tj->tij", ab, ec).reshape(20, -1)
    )
    assert (a + b) * c == a * c + b * c and a * (b + c) == a * b + a * c


def test_curves_of_sums_and_products() -> None:
    rng = np.random.default_rng(3)
    a, b = f.b_spline(5, bounds=(0, 1), name="a"), f.fourier(1, bounds=(0, 2), name="b")
    c = f.raised_cosine(4, bounds=(0, 1), name="c")
    whole = a * b * c + c
    weights = rng.normal(size=(6, whole.size))
    at = {"a": rng.random(3), "b": rng.random(4), "c": rng.random(5)}
    found = whole.curves(weights, at=at)
    assert list(found) == ["a*b*c", "c"]
    surface = found["a*b*c"]
    assert surface.values.shape == (6, 3, 4, 5) and [len(g) for g in surface.at] == [3, 4, 5]
    va, vb, vc = (grid.ravel() for grid in np.meshgrid(*surface.at, indexing="ij"))
    direct = weights @ whole.evaluate(va, vb, vc).T  # both parts, at each point of the grid
    both = surface.values + found["c"].values[:, None, None]
    np.testing.assert_allclose(both.reshape(6, -1), direct, atol=1e-12)
    assert whole.curves(weights, at={"b": 7})["a*b*c"].values.shape == (6, 100, 7, 100)
    assert (a * b).curves(np.ones(10), at=3).values.shape == (3, 3)


A, B = f.b_spline(5, bounds=(0, 1), name="a"), f.fourier(1, bounds=(0, 1), name="b")
BAD = {
    "count": (lambda: f.raised_cosine(1), "raised_cosine: count is 1; it must be .* from 2"),
    "width": (lambda: f.raised_cosine(5, width=1.7), "raised_cosine: width is 1.7"),
    "stretch": (lambda: f.raised_cosine(5, stretch=0), "raised_cosine: stretch is 0"),
    "order": (lambda: f.b_spline(3), "b_spline: count is 3; it must be a whole number from 4"),
    "float": (lambda: f.b_spline(5.0), "b_spline: count is 5.0"),
    "cyclic": (lambda: f.cyclic_spline(5, 1), "cyclic_spline: order is 1"),
    "harmonics": (lambda: f.fourier(0), "fourier: harmonics is 0"),
    "degree": (lambda: f.polynomial(True), "polynomial: degree is True"),
    "bounds": (lambda: f.m_spline(5, bounds=(1, 0)), r"m_spline: bounds is \(1, 0\)"),
    "one bound": (lambda: f.m_spline(5, bounds=3), r"m_spline: bounds is 3; it must be \(low"),
    "name": (lambda: f.identity(3), "identity: name is 3; it must be a name"),
    "sum of the same": (lambda: A + A, r"a \+ b: two parts are called 'a'; tell them apart"),
    "square": (lambda: A * B * A, r"a \* b: two parts are called 'a'"),
    "too few": (lambda: (A + B).evaluate([1.0]), r"evaluate: 1 arrays; the basis is of \['a', 'b"),
    "missing": (lambda: (A + B).evaluate({"a": [1.0]}), r"evaluate: \['b'\] missing"),
    "lengths": (lambda: (A * B).evaluate([0.1], [0.1, 0.2]), r"'b' has samples \(2,\) and 'a' \(1"),
    "no numbers": (lambda: A.evaluate(["x"]), "evaluate: 'a' has dtype <U1; it must be real"),
    "weights": (lambda: A.curves(np.ones(4)), r"weights has shape \(4,\); .* basis has 5 features"),
    "at of none": (lambda: (A + B).curves(np.ones(7), at={"c": 3}), r"at has \['c'\]; the basis"),
    "at of which": (lambda: (A * B).curves(np.ones(10), at=[0.5]), "at must be given by name"),
    "at of a grid": (lambda: A.curves(np.ones(5), at=[[0.5]]), r"at has shape \(1, 1\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_name_the_field(name: str) -> None:
    call, says = BAD[name]
    with pytest.raises(ValueError, match=says):
        call()


def test_only_bases_compose() -> None:
    for compose in (lambda: A + 1, lambda: A * 2):
        with pytest.raises(TypeError, match="unsupported operand"):
            compose()
