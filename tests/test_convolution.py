"""Any convolution of Flax, of any size, stride and dimension: the same numbers, batched well."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numerics import float64

import jaxneuro as jn
from jaxneuro import models
from jaxneuro.engine.work import inner_of

CASES = {
    "1-D": ((2, 9, 3), (4,), {}),
    "1-D, causal": ((2, 9, 3), (4,), {"padding": "CAUSAL"}),
    "even, valid": ((8, 7, 6, 2), (2, 4), {"padding": "VALID"}),
    "strided": ((3, 9, 8, 2), (3, 5), {"strides": (2, 3)}),
    "strided beyond the window": ((2, 9, 9, 1), (2, 2), {"strides": (3, 4), "padding": "VALID"}),
    "dilated": ((2, 9, 8, 2), (3, 2), {"kernel_dilation": (2, 3)}),
    "dilated and strided": ((2, 11, 8, 2), (3, 2), {"kernel_dilation": 2, "strides": 2}),
    "padded by numbers": ((4, 5, 6, 2), (3, 3), {"padding": ((0, 3), (2, 0))}),
    "around": ((2, 6, 5, 2), (3, 3), {"padding": "CIRCULAR"}),
    "3-D": ((8, 4, 5, 3, 2), (2, 3, 3), {"strides": (1, 2, 1)}),
    "depthwise": ((3, 7, 6, 4), (3, 3), {"feature_group_count": 4, "strides": (1, 2)}),
    "in groups": ((3, 7, 6, 4), (3, 1), {"feature_group_count": 2}),
    "in groups over time": ((3, 23, 4), (5,), {"feature_group_count": 2}),
    "depthwise, causal": ((2, 9, 4), (4,), {"feature_group_count": 4, "padding": "CAUSAL"}),
    "depthwise, valid": ((2, 12, 2), (4,), {"feature_group_count": 2, "padding": "VALID"}),
    "longer than the signal": ((3, 4, 2), (9,), {"feature_group_count": 2}),
    "transposed by dilation": ((2, 5, 4, 2), (3, 3), {"input_dilation": (2, 2), "padding": 1}),
    "without a batch axis of its own": ((1, 6, 6, 3), (1, 1), {}),
}


@pytest.fixture(params=CASES)
def case(request):
    shape, size, options = CASES[request.param]
    module = nn.Conv(4, size, **{"dtype": jnp.float64, "param_dtype": jnp.float64, **options})
    rng = np.random.default_rng(0)
    with float64():
        x = jnp.asarray(rng.normal(size=(3, *shape)))
        layers = [module.init(jax.random.key(i), x[0])["params"] for i in range(3)]
        yield module, x, jax.tree.map(lambda *a: jnp.stack(a), *layers)


def both(module):
    def plain(params, x):
        return module.apply({"params": params}, x)

    def slopes(function):
        return jax.grad(lambda *a: jnp.sum(jnp.sin(function(*a))), (0, 1))

    ours = models.from_linen(module).apply
    return [(ours, plain), (slopes(ours), slopes(plain))]


@pytest.mark.parametrize("axes", [None, (0, 0), (0, None), (None, 0)], ids=str)
def test_it_is_flax_convolution(case, axes) -> None:
    module, x, params = case
    in_params, in_x = axes or (None, None)

    def one(n: int):
        return at(params, in_params, n), at(x, in_x, n)

    def at(part, axis, n: int):
        return jax.tree.map(lambda a: a[n], part) if axis == 0 else part

    params = params if in_params == 0 else at(params, 0, 0)
    x = x if in_x == 0 else x[0]
    for ours, plain in both(module):
        if axes is None:
            found, wanted = jax.jit(ours)(params, x), jax.jit(plain)(params, x)
        else:
            found = jax.jit(jax.vmap(ours, axes))(params, x)
            rows = [plain(*one(n)) for n in range(3)]
            wanted = jax.tree.map(lambda *a: jnp.stack(a), *rows)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), found, wanted
        )


def test_nnx_convolves_alike() -> None:
    with float64():
        model = models.from_nnx(_Nnx)
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 5, 2)))
        params = model.init(jax.random.key(0), x)
        wanted = jax.lax.conv_general_dilated(
            x, params["conv"]["kernel"], (2, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        np.testing.assert_allclose(model.apply(params, x), wanted, rtol=1e-12)
        assert not _grouped(model.apply, params, x)


class _Nnx(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(2, 3, (3, 3), strides=(2, 1), use_bias=False, rngs=rngs,
                             param_dtype=jnp.float64)  # fmt: skip

    def __call__(self, x):
        return self.conv(x)


def _grouped(apply, params, x) -> bool:
    """Whether many fits' gradients are one convolution in groups, of images or of features."""
    stacked = jax.tree.map(lambda a: jnp.stack([a] * 4), params)
    slope = jax.grad(lambda p, x: jnp.sum(jnp.sin(apply(p, x))))

    def groups(jaxpr) -> list[int]:
        found = []
        for eqn in jaxpr.eqns:
            if eqn.primitive.name == "conv_general_dilated":
                found += [eqn.params["feature_group_count"], eqn.params["batch_group_count"]]
            for body in inner_of(eqn):
                found += groups(body)
        return found

    made = jax.make_jaxpr(jax.vmap(slope))(stacked, jnp.stack([x] * 4))
    return max(groups(made.jaxpr), default=1) > 1


def test_gradients_of_many_fits_are_no_grouped_convolutions() -> None:
    module = nn.Conv(4, (5, 5), strides=(2, 2))
    x = jnp.ones((8, 16, 16, 3))
    params = module.init(jax.random.key(0), x)["params"]
    assert _grouped(lambda p, x: module.apply({"params": p}, x), params, x)  # what is avoided
    assert not _grouped(models.from_linen(module).apply, params, x)


class _OwnFunction(nn.Module):
    @nn.compact
    def __call__(self, x):
        def zero(lhs, rhs, *args, **kwargs):
            return 0 * jax.lax.conv_general_dilated(lhs, rhs, *args, **kwargs)

        return nn.Conv(2, (3, 3), conv_general_dilated=zero, use_bias=False)(x)


def test_a_convolution_of_the_users_own_stays() -> None:
    model, x = models.from_linen(_OwnFunction()), jnp.ones((1, 4, 4, 1))
    assert not np.any(model.apply(model.init(jax.random.key(0), x), x))


def test_a_module_is_left_as_it_was() -> None:
    module = nn.Conv(2, (3, 3))
    model, x = models.from_linen(module), jnp.ones((1, 4, 4, 1))
    model.init(jax.random.key(0), x)
    assert module.conv_general_dilated is None and model == models.from_linen(nn.Conv(2, (3, 3)))


class _Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(3, (5, 5), strides=(2, 2), name="conv")(x[..., None]))
        return nn.Dense(2, name="readout")(x.reshape(x.shape[0], -1))


@pytest.mark.slow
def test_many_fits_are_what_each_is_alone(tmp_path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 8, 8)), rng.integers(0, 2, 24)
    fit = jn.make_fit(models.from_linen(_Net()), jn.losses.cross_entropy, jn.optimizers.lbfgs(),
                      jn.penalties.ridge(0.01), jn.Stop(max_steps=8))  # fmt: skip
    over = [jn.axes.seeds(5)]
    together = jn.fit_many(fit, jn.make_inputs(x, y), over)
    one = jn.fit_many(fit, jn.make_inputs(x, y), over, rows=[[3]], lanes=1)
    np.testing.assert_allclose(together.loss[3], one.loss[0], rtol=1e-4)
    np.testing.assert_allclose(together.predict(x)[3], one.predict(x)[0], rtol=2e-3, atol=2e-3)
