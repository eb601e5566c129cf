"""`x` as several arrays by name: what one packed array gives, through everything that sees `x`."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxneuro as jn
from jaxneuro import crossval, losses, metrics, models

RNG = np.random.default_rng(0)
N = 203  # no size of a bucket
IMAGE = RNG.normal(size=(N, 4, 5)).astype(np.float32)
SPEED = RNG.normal(size=N).astype(np.float32)
PLACE = RNG.integers(0, 3, N)
PARTS = {"image": IMAGE, "behaviour": {"speed": SPEED, "place": PLACE}}
PACKED = np.concatenate([IMAGE.reshape(N, -1), SPEED[:, None], np.eye(3)[PLACE]], axis=1)
Y = (PACKED @ RNG.normal(0, 0.3, (24, 3)) + RNG.normal(0, 0.3, (N, 3))).astype(np.float32)


class OfParts(nn.Module):
    @nn.compact
    def __call__(self, x):
        behaviour = x["behaviour"]
        assert jnp.issubdtype(behaviour["place"].dtype, jnp.integer)
        flat = x["image"].reshape(x["image"].shape[0], -1)
        parts = [flat, behaviour["speed"][:, None], jax.nn.one_hot(behaviour["place"], 3)]
        return nn.Dense(1, name="readout")(jnp.concatenate(parts, axis=1))[:, 0]


class OfOne(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1, name="readout")(x)[:, 0]


def fits(batch: int | None = None):
    return [
        jn.make_fit(
            models.from_linen(module),
            losses.squared_error,
            lambda hyper: optax.sgd(0.05),
            jn.penalties.ridge(),
            jn.Stop(max_steps=30, gradient=0, plateau=0),
            scores={"r2": metrics.r2},
            batch=batch,
        )
        for module in (OfParts(), OfOne())
    ]


def made(x, y=Y):
    return jn.make_inputs(x, y, hyper={"l2": 0.1})


def same(found, expected) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), found,
                 expected)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("batch", [None, 32])
def test_the_same_fits_as_of_one_array(batch) -> None:
    over = [jn.axes.targets(3), jn.axes.folds(jn.splits.k_fold(N, 4)), *jn.axes.grid(l2=[0.0, 0.1])]
    ours, packed = (
        jn.fit_many(fit, made(x), over) for fit, x in zip(fits(batch), (PARTS, PACKED), strict=True)
    )
    same(ours.params, packed.params)
    same(ours.scores, packed.scores)
    same(ours.predict(jax.tree.map(np.asarray, PARTS)), packed.predict(PACKED))


def test_a_search_its_predictions_and_a_saved_result(tmp_path) -> None:
    splits = jn.protocol(N, folds=3)
    found = [
        crossval.search(fit, made(x), [jn.axes.targets(3)], splits, jn.axes.grid(l2=[0.01, 0.1]))
        for fit, x in zip(fits(), (PARTS, PACKED), strict=True)
    ]
    same(found[0].predictions, found[1].predictions)
    found[0].save(tmp_path / "found")
    again = jn.load(tmp_path / "found")
    np.testing.assert_array_equal(again.predict(PARTS), found[0].predict(PARTS))
    np.testing.assert_array_equal(again.predictions, found[0].predictions)


def test_subjects_of_other_lengths() -> None:
    def stacked(pack):
        return jn.stack_subjects(
            [made(pack(slice(a, b)), Y[a:b, 0]) for a, b in ((0, 120), (120, N))]
        )

    ours, packed = (
        jn.fit_many(fit, inputs, [jn.axes.subjects(2)])
        for fit, inputs in zip(
            fits(),
            (
                stacked(lambda s: jax.tree.map(lambda a: a[s], PARTS)),
                stacked(lambda s: PACKED[s]),
            ),
            strict=True,
        )
    )
    same(ours.params, packed.params)


@pytest.mark.parametrize(
    "x, told",
    [
        ({}, r"x is an empty dictionary"),
        ({"a": IMAGE, "b": SPEED[:9]}, r"x\['b'\] has 9 samples and y has 203"),
        ({"a": {"b": np.full(N, np.nan)}}, r"x\['a'\]\['b'\] has 203 values that are not finite"),
        ({"a": np.float32(3)}, r"x\['a'\] is a scalar"),
        ({"a": np.array(["s"] * N)}, r"x\['a'\] has dtype"),
        ({"clock": 1e9 + np.arange(N)}, r"float32 cannot hold x\['clock'\]"),
    ],
)
def test_what_is_wrong_is_named(x, told) -> None:
    with pytest.raises(ValueError, match=told):
        jn.make_inputs(x, Y)


def test_what_takes_one_array_says_so() -> None:
    inputs, (fit, _) = made(PARTS, Y[:, 0]), fits()
    for axis in (jn.axes.ablations(np.eye(2)), jn.axes.windows(2), jn.axes.views([[0], [1]])):
        with pytest.raises(ValueError, match=r"x is several: x\['behaviour'\]\['place'\], "):
            jn.fit_many(fit, inputs, [axis])
    with pytest.raises(ValueError, match=r"subject 1: x\['image'\]"):
        other = {**PARTS, "image": IMAGE[:, :3]}
        jn.stack_subjects([inputs, made(other, Y[:, 0])])
    with pytest.raises(ValueError, match=r"subject 1 has x, y, subject 0 x\['behaviour'\]"):
        jn.stack_subjects([inputs, made(PACKED, Y[:, 0])])


class OfLength(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1, name="readout")(x.reshape(len(x), -1))[:, 0]


def test_a_model_that_cannot_be_saved_is_told_why(tmp_path) -> None:
    fit = jn.make_fit(models.from_linen(OfLength()), losses.squared_error, jn.optimizers.lbfgs())
    found = crossval.search(fit, made(PACKED, Y[:, 0]), [], jn.protocol(N, folds=3), [])
    with pytest.raises(TypeError, match=r"write x\.shape\[0\] in place of len\(x\)"):
        found.save(tmp_path / "found")
