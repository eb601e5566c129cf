"""Penalties of groups of features: banded ridge, group lasso, sparse group lasso."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial
from numerics import float64, run
from test_penalties import GROUPS, params

from jaxneuro import (
    Axis,
    Status,
    Stop,
    axes,
    closed_form,
    fit_many,
    losses,
    make_fit,
    make_inputs,
    models,
    optimizers,
    penalties,
)

pytestmark = pytest.mark.usefixtures("hasty")

SAMPLES, FEATURES = 60, 6
BANDS = np.array(["words", "motion", "words", "motion", "motion", "tone"])
EXACT = Stop(max_steps=2000, gradient=1e-9, plateau=0)
MAKERS = {
    "group_lasso": penalties.group_lasso,
    "sparse_group_lasso": penalties.sparse_group_lasso,
    "banded_ridge": penalties.banded_ridge,
}


def recording() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, FEATURES))
    return x, x @ [0.8, -0.5, 0.1, 0.3, 0.0, 0.1] + 1 + 0.5 * rng.normal(size=SAMPLES)


def of(found) -> np.ndarray:
    """(..., feature + 1), the bias last."""
    layer = found.params["readout"]
    return np.concatenate([np.asarray(layer["kernel"])[..., 0], np.asarray(layer["bias"])], axis=-1)


def banded(strengths: dict[str, float], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Exact: ridge of strength 1 on features divided by the roots of theirs."""
    root = np.sqrt([strengths[band] for band in BANDS])
    given = (x / root, y, np.ones(SAMPLES), 1.0)
    kernel, bias = closed_form.ridge(*map(jnp.asarray, given))
    return np.r_[np.asarray(kernel) / root, bias]


@pytest.mark.parametrize("precondition", [False, True])
def test_banded_ridge_is_ridge_of_scaled_features(precondition: bool) -> None:
    x, y = recording()
    hyper = {"l2_words": 0.02, "mine": 0.3}
    penalty = penalties.banded_ridge(BANDS, {"words": "l2_words", "motion": "mine", "tone": 2.0})
    fit = make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs(), penalty, EXACT,
                   precondition=precondition)  # fmt: skip
    with float64():
        inputs = fit.prepare(make_inputs(x, y, hyper=hyper))
        words, motion = (float(inputs.hyper[name]) for name in hyper)
        wanted = banded({"words": words, "motion": motion, "tone": 2.0}, x, y)
        found = run(fit, inputs)
        assert found.status == Status.CONVERGED
        np.testing.assert_allclose(of(found), wanted, rtol=1e-6, atol=1e-9)
        alike = of(run(fit, inputs._replace(hyper=dict.fromkeys(hyper, jnp.asarray(2.0)))))
        np.testing.assert_allclose(alike, banded(dict.fromkeys(BANDS, 2.0), x, y), rtol=1e-6)
        assert np.abs(alike - wanted).max() > 0.1


def test_strengths_of_bands_drawn_at_random_are_one_axis() -> None:
    """As the docstring says; and their names without a mapping."""
    x, y = recording()
    rng = np.random.default_rng(1)
    table = {f"l2_{band}": jnp.asarray(10 ** rng.uniform(-2, 1, 3), jnp.float32)
             for band in ("motion", "tone", "words")}  # fmt: skip

    def draw(table, inputs, index):
        drawn = {name: values[index] for name, values in table.items()}
        return inputs._replace(hyper={**inputs.hyper, **drawn})

    fit = make_fit(models.linear(), losses.half_squared_error, optimizers.lbfgs(),
                   penalties.banded_ridge(BANDS), Stop(gradient=1e-6, plateau=0))  # fmt: skip
    every = [axes.targets(2), Axis("strengths", 3, Partial(draw, table))]
    found = of(fit_many(fit, make_inputs(x, np.c_[y, -2 * y]), every, lanes=8))
    for i in range(3):
        wanted = banded({band: float(table[f"l2_{band}"][i]) for band in BANDS}, x, y)
        np.testing.assert_allclose(found[0, i], wanted, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found[1, i], -2 * wanted, rtol=1e-3, atol=2e-4)


def test_strengths_go_by_label() -> None:
    weights = {"readout": {"kernel": jnp.arange(1.0, 4.0)[:, None], "bias": jnp.ones(1)}}
    for labels in ([7, 3, 7], [7.0, 3.0, 7.0], np.array([7, 3, 7], np.int8)):
        penalty = penalties.banded_ridge(labels, {3: 0.5, 7: 10})
        assert float(penalty.value(weights, {})) == (0.5 * 4 + 10 * (1 + 9)) / 2
    named = penalties.banded_ridge([7, 3, 7]).value(weights, {"l2_3": 0.5, "l2_7": 10.0})
    assert float(named) == 51
    one = penalties.banded_ridge(["b", "a"], {"a": 1, "b": 2})
    assert one == penalties.banded_ridge(np.array(["b", "a"]), {"b": 2.0, "a": 1.0})
    assert one != penalties.banded_ridge(["b", "a"], {"a": 2, "b": 1})
    assert one != penalties.banded_ridge(["a", "b"], {"a": 1, "b": 2})


def test_strengths_that_do_not_go_with_the_groups() -> None:
    with pytest.raises(ValueError, match=r"of the groups \['a'\], and groups has \['a', 'b'\]"):
        penalties.banded_ridge(["a", "b"], {"a": 1})
    with pytest.raises(ValueError, match=r"of the groups \['a', 'b', 'c'\], and groups has"):
        penalties.banded_ridge(["a", "b"], {"a": 1, "b": 1, "c": 1})
    with pytest.raises(TypeError, match=r"strengths is \('l2_a', 'l2_b'\), must be a mapping"):
        penalties.banded_ridge(["a", "b"], ("l2_a", "l2_b"))  # type: ignore
    with pytest.raises(KeyError, match=r"'l2_b' is not in inputs.hyper, which has \['l2_a'\]"):
        penalties.banded_ridge(list("ab")).value(
            {"kernel": jnp.ones(2)}, {"l2_a": jnp.asarray(1.0)}
        )


@pytest.mark.parametrize("name", MAKERS)
def test_groups_are_checked(name: str) -> None:
    make = MAKERS[name]
    with pytest.raises(ValueError, match=rf"^{name}: groups is empty, must name"):
        make([])
    with pytest.raises(TypeError, match=rf"^{name}: groups is .*labels of one kind"):
        make(np.array(["a", None, 1], object))


def test_groups_or_sizes_that_are_not_those_of_the_layer() -> None:
    hyper = {"l1": 1.0, "smooth": 1.0, "l2_a": 1.0}
    told = r"for 7 features, .* hidden_0/kernel \(12, 12\), readout/kernel \(5, 1\).*features of x"
    made = [*(make(["a"] * 7) for make in MAKERS.values()), penalties.smoothness("a", {"a": 7})]
    for penalty in made:
        with pytest.raises(ValueError, match=told):
            penalty.value(params(), hyper)
    fit = make_fit(models.linear(), losses.half_squared_error, optimizers.proximal(),
                   penalties.sparse_group_lasso(["a", "a", "b"]))  # fmt: skip
    with pytest.raises(ValueError, match=r"for 3 features, .* readout/kernel \(6, 1\)"):
        fit_many(fit, make_inputs(*recording(), hyper={"l1": 0.1}), lanes=1)


def test_prox_of_the_group_lasso_is_the_minimum() -> None:
    """w = v - threshold·u with ‖u‖ ≤ 1, and u = w/‖w‖ where w is not zero (subgradients)."""
    step, strength = 0.5, 2.0
    with float64():
        penalty = penalties.group_lasso(GROUPS)
        found = penalty.prox(params(), jnp.asarray(step), {"l1": jnp.asarray(strength)})
        np.testing.assert_array_equal(found["readout"]["kernel"], params()["readout"]["kernel"])
        np.testing.assert_array_equal(found["hidden_0"]["bias"], params()["hidden_0"]["bias"])
        gone = 0
        for group in "abcd":
            v = np.asarray(params()["hidden_0"]["kernel"])[group == GROUPS]
            w = np.asarray(found["hidden_0"]["kernel"])[group == GROUPS]
            u = (v - w) / (step * strength * np.sqrt(v.size))
            if not w.any():
                gone += 1
                assert np.linalg.norm(u) <= 1
            else:
                np.testing.assert_allclose(u, w / np.linalg.norm(w), rtol=1e-12)
        zero = penalty.prox(
            jax.tree.map(jnp.zeros_like, params()), jnp.asarray(step), {"l1": jnp.asarray(1.0)}
        )
        assert not np.any(zero["hidden_0"]["kernel"]) and 0 < gone < 4


def by_group(tree, group: str) -> np.ndarray:
    return np.asarray(tree["hidden_0"]["kernel"])[group == GROUPS]


def test_prox_of_the_sparse_group_lasso_is_the_minimum() -> None:
    """v - w = step·λ·(α·s + (1 - α)·√size·u), with s in the subgradient of Σ|w| and u in that of
    ‖w‖. Where a group is 0, there are such s and u if ‖soft threshold(v)‖ ≤ step·λ·(1 - α)·√size.
    """
    step, strength, share = 0.5, 2.2, 0.3
    hyper = {"l1": jnp.asarray(strength), "share": jnp.asarray(share)}
    with float64():
        penalty = penalties.sparse_group_lasso(GROUPS, share="share")
        assert penalty.prox is not None
        found = penalty.prox(params(), jnp.asarray(step), hyper)
        np.testing.assert_array_equal(found["readout"]["kernel"], params()["readout"]["kernel"])
        np.testing.assert_array_equal(found["hidden_0"]["bias"], params()["hidden_0"]["bias"])
        gone, zeros = 0, 0
        one, whole = float(hyper["l1"] * step * share), float(hyper["l1"] * step * (1 - share))
        for group in "abcd":
            v, w = by_group(params(), group), by_group(found, group)
            most = whole * np.sqrt(v.size)
            if not w.any():
                gone += 1
                nearest = np.clip(v, -one, one)  # the s that leaves least to u
                assert np.linalg.norm(v - nearest) <= most
                continue
            sign = (v - w - most * w / np.linalg.norm(w)) / one
            np.testing.assert_allclose(sign[w != 0], np.sign(w)[w != 0], rtol=1e-6)
            assert np.abs(sign).max() <= 1 + 1e-6
            zeros += (w == 0).sum()
        assert 0 < gone < 4 and zeros > 5  # both kinds of zeros


@pytest.mark.parametrize(("share", "other"), [(0, "group_lasso"), (1, "lasso")])
def test_the_ends_of_the_sparse_group_lasso(share: int, other: str) -> None:
    def tall(path, leaf) -> bool:
        return len(leaf) == len(GROUPS)

    with float64():
        ours = penalties.sparse_group_lasso(GROUPS, 0.8, share)
        theirs = {"group_lasso": penalties.group_lasso(GROUPS, 0.8),
                  "lasso": penalties.lasso(0.8, tall)}[other]  # fmt: skip
        assert ours.prox is not None and theirs.prox is not None
        assert float(ours.value(params(), {})) == pytest.approx(
            float(theirs.value(params(), {})), rel=1e-14
        )
        steps = (p.prox(params(), jnp.asarray(0.6), {})["hidden_0"]["kernel"]
                 for p in (ours, theirs))  # fmt: skip
        np.testing.assert_allclose(*steps, rtol=1e-14)


def test_shares_are_checked() -> None:
    cases = [(1.1, ValueError, "at most 1"), (-0.1, ValueError, "0 or more")]
    cases += [(wrong, TypeError, "finite number") for wrong in (None, True)]
    for share, error, told in cases:
        with pytest.raises(error, match=rf"^sparse_group_lasso: share is .*{told}"):
            penalties.sparse_group_lasso(GROUPS, share=share)  # type: ignore
    with pytest.raises(KeyError, match=r"'alpha' is not in inputs\.hyper"):
        penalties.sparse_group_lasso(GROUPS, 1.0, "alpha").value(params(), {})


def test_a_fit_of_the_sparse_group_lasso_meets_its_conditions() -> None:
    """At the minimum -gradient = λ·(α·s + (1 - α)·√size·u), s and u as above."""
    rng, groups, strength, share = np.random.default_rng(3), np.repeat([0, 1, 2], 3), 0.12, 0.5
    x = rng.normal(size=(SAMPLES, 9))
    y = np.exp(x @ [0.7, -0.5, 0, 0.6, 0, 0, 0, 0, 0]) * rng.gamma(4, 0.25, SAMPLES)
    fit = make_fit(models.linear(), losses.gamma, optimizers.proximal(),
                   penalties.sparse_group_lasso(groups, strength, share), EXACT)  # fmt: skip
    with float64():
        found = run(fit, make_inputs(x, y))
    assert found.status == Status.CONVERGED
    w = of(found)
    slope = x.T @ (1 - y * np.exp(-x @ w[:-1] - w[-1])) / SAMPLES
    one, alive, zeros = strength * share, 0, 0
    for group in range(3):
        mine, drive = w[:-1][groups == group], -slope[groups == group]
        most = strength * (1 - share) * np.sqrt(len(mine))
        if mine.any():
            alive, zeros = alive + 1, zeros + (mine == 0).sum()
            sign = (drive - most * mine / np.linalg.norm(mine)) / one
            np.testing.assert_allclose(sign[mine != 0], np.sign(mine)[mine != 0], atol=1e-6)
            assert np.abs(sign).max() <= 1 + 1e-6
        else:
            assert np.linalg.norm(drive - np.clip(drive, -one, one)) <= most
    assert 0 < alive < 3 and zeros


def test_a_proximal_step_does_not_go_with_principal_axes() -> None:
    for penalty in (penalties.group_lasso(BANDS), penalties.sparse_group_lasso(BANDS)):
        with pytest.raises(ValueError, match="precondition=True goes with smooth penalties"):
            make_fit(models.linear(), losses.half_squared_error, optimizers.proximal(), penalty,
                     precondition=True)  # fmt: skip
