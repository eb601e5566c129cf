"""Penalties: what they punish, their gradients and proximal steps, and the messages."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numerics import differences, float64, trees_close
from scipy.optimize import minimize_scalar

from jaxneuro import losses, make_fit, make_inputs, models, penalties

SHAPE = {"lag": 4, "band": 3}
GROUPS = np.array(["b", "a", "b", "c", "c", "c", "a", "d", "b", "b", "a", "c"])


def banded_ridge(strength="l2", where=penalties.kernels) -> penalties.Penalty:
    """As the others: one strength, of every group."""
    return penalties.banded_ridge(GROUPS, dict.fromkeys("abcd", strength), where)


MADE = {
    "ridge": penalties.ridge,
    "banded_ridge": banded_ridge,
    "lasso": penalties.lasso,
    "group_lasso": functools.partial(penalties.group_lasso, GROUPS),
    "sparse_group_lasso": functools.partial(penalties.sparse_group_lasso, GROUPS, share=0.3),
    "smooth_lasso": functools.partial(penalties.smooth_lasso, width=0.1),
    "smoothness": functools.partial(penalties.smoothness, "lag", SHAPE),
}


def params():
    rng = np.random.default_rng(0)
    return {
        "hidden_0": {
            "kernel": jnp.asarray(rng.standard_normal((12, 12))),
            "bias": jnp.asarray(rng.standard_normal(12)),  # as long as a penalised leaf is tall
        },
        "readout": {
            "kernel": jnp.asarray(rng.standard_normal((5, 1))),
            "bias": jnp.asarray(rng.standard_normal(1)),
        },
    }


def kernels() -> np.ndarray:
    return np.concatenate([np.ravel(layer["kernel"]) for layer in params().values()])


def test_every_penalty_is_listed() -> None:
    made = set()
    for name, value in vars(penalties).items():
        if getattr(value, "__annotations__", {}).get("return") is penalties.Penalty:
            made.add(name)
    assert made == set(MADE) and made < set(penalties.__all__)


@pytest.mark.parametrize("name", MADE)
def test_finite_differences_and_no_bias(name: str) -> None:
    with float64():
        point, penalty = params(), MADE[name](0.7)

        def value(p):
            return penalty.value(p, {})

        slope = jax.grad(value)(point)
        trees_close(slope, differences(value, point), rtol=1e-6, atol=1e-7)
        for layer in slope.values():
            np.testing.assert_array_equal(layer["bias"], 0)
        assert np.any(slope["hidden_0"]["kernel"] != 0)


@pytest.mark.parametrize("name", MADE)
def test_strength_by_number_or_by_name(name: str) -> None:
    with float64():
        by_number = MADE[name](0.7).value(params(), {})
        by_name = MADE[name]("mine").value(params(), {"mine": jnp.asarray(0.7), "other": 3.0})
        assert float(by_number) == float(by_name) > 0
        twice = MADE[name](1.4).value(params(), {})
        assert float(twice) == pytest.approx(2 * float(by_number), rel=1e-14)


@pytest.mark.parametrize("name", MADE)
def test_a_name_that_is_no_hyper_parameter(name: str) -> None:
    with pytest.raises(KeyError, match=r"'tau' is not in inputs.hyper.*\['l2'\].*axes.grid\(tau="):
        MADE[name]("tau").value(params(), {"l2": 1.0})


def test_the_formulas() -> None:
    with float64():
        w = kernels()
        found = {name: float(MADE[name](0.7).value(params(), {})) for name in MADE}
        assert found["ridge"] == pytest.approx(0.35 * (w**2).sum(), rel=1e-14)
        assert found["lasso"] == pytest.approx(0.7 * np.abs(w).sum(), rel=1e-14)
        weights = np.asarray(params()["hidden_0"]["kernel"])
        norms = [np.sqrt((g == GROUPS).sum() * 12) * np.linalg.norm(weights[g == GROUPS])
                 for g in "abcd"]  # fmt: skip
        assert found["group_lasso"] == pytest.approx(0.7 * sum(norms), rel=1e-14)
        both = 0.3 * np.abs(weights).sum() + 0.7 * sum(norms)
        assert found["sparse_group_lasso"] == pytest.approx(0.7 * both, rel=1e-14)
        assert found["banded_ridge"] == pytest.approx(0.35 * (weights**2).sum(), rel=1e-14)
        rounded = (np.sqrt(w**2 + 0.01) - 0.1).sum()
        assert found["smooth_lasso"] == pytest.approx(0.7 * rounded, rel=1e-14)


@pytest.mark.parametrize("axis", ["lag", "band"])
def test_smoothness_is_the_second_difference_matrix(axis: str) -> None:
    def bends(size: int) -> np.ndarray:
        return np.diff(np.eye(size), n=2, axis=0)

    both = [bends(SHAPE[a]) if a == axis else np.eye(SHAPE[a]) for a in SHAPE]
    matrix = np.kron(*both)  # features are flattened (lag, band)
    with float64():
        w = np.asarray(params()["hidden_0"]["kernel"])
        wanted = 0.5 * 0.7 * ((matrix @ w) ** 2).sum()
        value = penalties.smoothness(axis, SHAPE, 0.7).value
        assert float(value(params(), {})) == pytest.approx(wanted, rel=1e-12)
        line = np.broadcast_to(3 + 2 * np.arange(4.0)[:, None, None], (4, 3, 1)).reshape(12, 1)
        straight = {"readout": {"kernel": jnp.asarray(line), "bias": jnp.ones(1)}}
        assert float(value(straight, {})) == pytest.approx(0, abs=1e-20)


def test_where_selects() -> None:
    def readout(path, leaf):
        return path[0] == "readout" and penalties.kernels(path, leaf)

    w = np.asarray(params()["readout"]["kernel"])
    found = penalties.ridge(2.0, where=readout).value(params(), {})
    assert float(found) == pytest.approx((w**2).sum(), rel=1e-6)
    shrunk = penalties.lasso(1e3, where=readout).prox(params(), jnp.ones(()), {})
    assert np.all(shrunk["readout"]["kernel"] == 0)
    np.testing.assert_array_equal(shrunk["hidden_0"]["kernel"], params()["hidden_0"]["kernel"])


def everything(path, leaf) -> bool:
    return True


@pytest.mark.parametrize("name", MADE)
def test_biases_never_are_penalised_whatever_where_says(name: str) -> None:
    with float64():
        usual, penalty = MADE[name](0.7), MADE[name](0.7, where=everything)
        assert float(penalty.value(params(), {})) == float(usual.value(params(), {}))
        slope = jax.grad(lambda p: penalty.value(p, {}))(params())
        for layer in slope.values():
            np.testing.assert_array_equal(layer["bias"], 0)
        if usual.prox is None:
            return
        assert penalty.prox is not None
        found, wanted = (p.prox(params(), jnp.asarray(0.5), {}) for p in (penalty, usual))
        trees_close(found, wanted, rtol=0)
        for layer, before in zip(found.values(), params().values(), strict=True):
            np.testing.assert_array_equal(layer["bias"], before["bias"])


@pytest.mark.parametrize("name", MADE)
def test_where_that_selects_nothing(name: str) -> None:
    def biases(path, leaf):
        return path[-1] == "bias"

    for where in (biases, lambda path, leaf: False):
        with pytest.raises(ValueError, match=r"selects no leaf .*\(biases never count"):
            MADE[name](0.7, where=where).value(params(), {})


def test_parameters_that_are_one_array() -> None:
    assert float(penalties.ridge(2.0).value(jnp.ones(3), {})) == 3


@pytest.mark.parametrize(
    ("strength", "error", "message"),
    [(True, TypeError, "strength is True"), (None, TypeError, "strength is None"),
     (np.ones(2), TypeError, r"strength is array\(\[1., 1.\]\)"),
     (jnp.ones(()), TypeError, "strength is Array"), ([0.1], TypeError, r"strength is \[0.1\]"),
     (1j, TypeError, "strength is 1j"), (-0.5, ValueError, "strength is -0.5"),
     (np.nan, ValueError, "strength is nan"), (np.inf, ValueError, "strength is inf")],
)  # fmt: skip
@pytest.mark.parametrize("name", MADE)
def test_a_strength_is_a_number_or_a_name(name: str, strength, error, message: str) -> None:
    remedy = "must be 0 or more" if message.endswith("-0.5") else "must be a .*axes.grid"
    message = message.replace("strength", "strength( of 'a')?")
    with pytest.raises(error, match=f"^{name}: {message}.*, {remedy}"):
        MADE[name](strength)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("strength", [0, 2, np.float32(0.5), np.int64(3), 0.0])
def test_strengths_of_any_number_type(name: str, strength) -> None:
    found = MADE[name](strength).value(params(), {})
    np.testing.assert_array_equal(found, MADE[name](float(strength)).value(params(), {}))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("where", ["readout", None, ("readout",)])
def test_where_is_a_function(name: str, where) -> None:
    with pytest.raises(TypeError, match=rf"^{name}: where is .*penalties.kernels"):
        MADE[name](1.0, where=where)


def test_other_arguments_are_checked() -> None:
    for width in (0, -1.0, np.nan):
        with pytest.raises(ValueError, match=r"^smooth_lasso: width is"):
            penalties.smooth_lasso(width=width)
    with pytest.raises(TypeError, match=r"^smooth_lasso: width is 'a'"):
        penalties.smooth_lasso(width="a")  # type: ignore
    for features in ([("lag", 4)], {"lag": 4.0}):
        with pytest.raises(TypeError, match=r"^smoothness: features is .*mapping"):
            penalties.smoothness("lag", features)  # type: ignore


def test_smoothness_needs_its_axis() -> None:
    with pytest.raises(ValueError, match=r"no feature axis 'time' among \['lag', 'band'\]"):
        penalties.smoothness("time", SHAPE)
    with pytest.raises(ValueError, match="axis 'lag' has 2 < 3 features"):
        penalties.smoothness("lag", {"lag": 2})


def test_prox_of_the_lasso_is_the_numeric_minimum() -> None:
    # prox(v) = argmin_w ½(w - v)² + step·λ·|w|
    step, strength = 0.5, 0.8
    with float64():
        penalty = penalties.lasso("l1")
        found = penalty.prox(params(), jnp.asarray(step), {"l1": jnp.asarray(strength)})
        for name, layer in params().items():
            np.testing.assert_array_equal(found[name]["bias"], layer["bias"])
            for v, w in zip(
                np.ravel(layer["kernel"])[:30], np.ravel(found[name]["kernel"]), strict=False
            ):
                best = minimize_scalar(
                    lambda u, v=v: 0.5 * (u - v) ** 2 + step * strength * abs(u),
                    bounds=(-4, 4), method="bounded", options={"xatol": 1e-10},
                )  # fmt: skip
                assert w == pytest.approx(best.x, abs=1e-6)
        zeros = np.concatenate([np.ravel(layer["kernel"]) for layer in found.values()]) == 0
        np.testing.assert_array_equal(zeros, np.abs(kernels()) <= step * strength)
        assert 0 < zeros.sum() < zeros.size


def test_which_penalties_are_smooth() -> None:
    rough = [name for name in MADE if MADE[name](1.0).prox is not None]
    assert rough == ["lasso", "group_lasso", "sparse_group_lasso"]


def test_the_lasso_needs_a_proximal_optimizer() -> None:
    inputs = make_inputs(np.ones((4, 2)), np.ones(4))
    fit = make_fit(
        models.linear(), losses.half_squared_error, optax.adam(0.1), penalties.lasso(0.1)
    )
    with pytest.raises(TypeError, match=r"optimizers.proximal\(\);.*smooth_lasso"):
        fit.init(inputs)
    with pytest.raises(ValueError, match="at most one penalty"):
        two = (penalties.lasso(0.1), penalties.lasso(0.2))
        make_fit(models.linear(), losses.half_squared_error, optax.adam(0.1), two)
