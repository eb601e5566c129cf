"""Contracts of all models, the convolution against JAX's own, and what is refused."""

import functools
import re
import tempfile
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numerics import float64, trees_close

from jaxneuro import models, penalties
from jaxneuro.models.convolution import neighbourhoods
from jaxneuro.models.image_layers import SAME_3X3, Conv3x3, max_pool_2x2
from jaxneuro.types import Model


class Linen(nn.Module):
    """A user's own network."""

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.Dense(3, name="first", param_dtype=x.dtype)(x))
        return nn.Dense(2, name="second", param_dtype=x.dtype)(x)


class Nnx(nnx.Module):
    """The same network in NNX."""

    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Linear(4, 3, rngs=rngs)
        self.second = nnx.Linear(3, 2, rngs=rngs)

    def __call__(self, x):
        return self.second(nnx.tanh(self.first(x)))


FLAT, IMAGES = (5, 4), (5, 9, 7)
MESH = models.mesh_of(np.array([[0, 1, 2], [1, 2, 3]]), 4)
ROWS = Path(tempfile.mkdtemp()) / "rows.npy"
np.save(ROWS, np.random.default_rng(8).standard_normal((6, 4)))
CASES: dict[str, tuple[Model, tuple[int, ...], int | None]] = {
    "linear": (models.linear(), FLAT, None),
    "linear of 3": (models.linear(3), FLAT, 3),
    "linear of 1": (models.linear(1), FLAT, 1),
    "linear of images": (models.linear(), (5, 2, 3, 2), None),
    "mlp": (models.mlp((4, 3)), FLAT, None),
    "mlp of 2": (models.mlp((4,), 2, activation=jnp.tanh), FLAT, 2),
    "cnn": (models.cnn(3, (2, 3), (4,)), IMAGES, 3),
    "cnn with channels": (models.cnn(3, (2,), ()), (5, 5, 4, 2), 3),
    "by_channel": (models.by_channel(models.cnn(3, (2,), ())), (5, 5, 4, 2), 3),
    "mesh_network": (models.mesh_network(MESH, 3, (2,)), (5, 4, 2), 3),
    "of_file": (models.of_file(models.mlp((4,), 2), ROWS), (5,), 2),
    "of_patches": (
        models.of_patches(models.cnn(3, (2,), (4,)), np.ones((2, 9, 9, 2)), 5),
        (5, 3),
        3,
    ),
    "volume_cnn": (models.volume_cnn(3, (2,), (4,)), (5, 4, 4, 3, 2), 3),
    "neuron_mlp": (models.neuron_mlp(3), FLAT, None),
    "neuron_mlp of 2": (models.neuron_mlp(3, 2), FLAT, 2),
    "region_cnn": (models.region_cnn(3), IMAGES, 3),
    "linear_decoder": (models.linear_decoder(2), FLAT, 2),
    "linear_nonlinear": (models.linear_nonlinear(), FLAT, None),
    "core_readout": (models.core_readout(3, (2, 2), 3), IMAGES, 3),
    "core_readout of masks": (
        models.core_readout(2, (2,), 3, readout="factorised", separable=False),
        IMAGES,
        2,
    ),
    "wiener_cascade": (models.wiener_cascade(2), FLAT, 2),
    "eeg_network": (models.eeg_network(3, 2, 2, 5), (5, 4, 36), 3),
    "recurrent": (models.recurrent(4), (5, 3, 2), None),
    "recurrent of 2": (models.recurrent(4, 2, cell="lstm", dropout=0.2), (5, 3, 2), 2),
    "temporal_convolution": (models.temporal_convolution((3, 2)), (5, 4, 2), None),
    "temporal_convolution of 2": (models.temporal_convolution((3,), 2, 2), (5, 4, 2), 2),
    "from_linen": (models.from_linen(Linen(), ("first",), readout=("second",)), FLAT, 2),
    "from_nnx": (models.from_nnx(Nnx, ("first",), readout=("second",)), FLAT, 2),
}
AS_THE_ARTICLE = [model for name, (model, *_) in CASES.items()
                  if name.startswith(("neuron_mlp", "region_cnn", "linear_decoder"))]  # fmt: skip
every_model = pytest.mark.parametrize("name", CASES)


@functools.cache
def compiled(name: str) -> Model:
    """The model with both functions compiled: eager layers compile one by one."""
    model = CASES[name][0]
    return model._replace(init=jax.jit(model.init), apply=jax.jit(model.apply))


def made(name: str, seed: int = 0):
    """The model, its parameters and some x."""
    model = compiled(name)
    shape = CASES[name][1]
    if name == "of_file":
        x = jnp.arange(*shape)
    else:
        x = jnp.asarray(np.random.default_rng(9).standard_normal(shape))
    return model, model.init(jax.random.key(seed), x[:1]), x


def paths(params) -> list[tuple[str, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [penalties.leaf_path(path) for path, _ in leaves]


def test_every_model_is_listed() -> None:
    listed = {name.split(" ")[0] for name in CASES}
    assert listed == set(models.__all__)


@every_model
def test_shape_of_the_prediction(name: str) -> None:
    model, params, x = made(name)
    outputs = CASES[name][2]
    wanted = (len(x),) if outputs is None else (len(x), outputs)
    assert model.apply(params, x).shape == wanted


@every_model
def test_pure_and_deterministic_by_key(name: str) -> None:
    model, params, x = made(name)
    trees_close(made(name)[1], params, rtol=0)
    trees_close(model.init(jax.random.key(0), x[3:4] + 1), params, rtol=0)  # values do not matter
    np.testing.assert_array_equal(model.apply(params, x), model.apply(params, x))
    other = made(name, seed=1)[1]
    same = [
        np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (params, other)), strict=True)
    ]
    zeros = ("linear", "linear_nonlinear", "wiener_cascade")
    starts_at_zero = name.startswith("linear ") or name in zeros
    assert all(same) == starts_at_zero


@every_model
def test_a_sample_is_predicted_alone(name: str) -> None:
    model, params, x = made(name)
    alone = np.concatenate([model.apply(params, x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(model.apply(params, x), alone, rtol=1e-5, atol=1e-6)


@every_model
def test_vmap_over_parameters_is_a_loop(name: str) -> None:
    model, _, x = made(name)
    rng = np.random.default_rng(5)
    each = [
        jax.tree.map(lambda a: a + rng.normal(0, 0.1, a.shape).astype(np.float32), made(name, i)[1])
        for i in range(3)
    ]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
    together = jax.jit(jax.vmap(model.apply, (0, None)))(stacked, x)
    for i in range(3):
        np.testing.assert_allclose(together[i], model.apply(each[i], x), rtol=1e-5, atol=1e-5)


@every_model
def test_gradient_is_finite_and_of_the_parameters_structure(name: str) -> None:
    model, params, x = made(name)
    slope = jax.jit(jax.grad(lambda p: jnp.sum(jnp.square(model.apply(p, x) - 1))))(params)
    assert jax.tree.structure(slope) == jax.tree.structure(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))
    assert any(np.any(leaf != 0) for leaf in jax.tree.leaves(slope))


@every_model
def test_layers_have_names_and_biases_are_called_bias(name: str) -> None:
    _, params, _ = made(name)
    for path, leaf in zip(paths(params), jax.tree.leaves(params), strict=True):
        assert len(path) >= 2 and path[-1] in ("kernel", "bias"), path
        # A position is nothing to be shrunk either.
        assert (path[-1] == "bias") == (leaf.ndim == 1 or path[0] == "position"), path
        assert not any(re.fullmatch(r"[A-Z]\w*_\d+", part) for part in path), path  # Flax's own


@every_model
def test_first_layer_is_where_x_comes_in(name: str) -> None:
    model, params, x = made(name)
    if model.first_layer is None:
        assert any(part in name for part in ("cnn", "core", "eeg", "mesh", "of_"))
        return
    layer = params
    for part in model.first_layer:
        layer = layer[part]
    assert set(layer) == {"kernel", "bias"}
    assert layer["kernel"].shape[0] in (x[0].size, x.shape[-1])  # of a moment, at all times alike
    # Without its kernel nothing of x arrives.
    zeros = np.zeros_like(layer["kernel"])
    silent = dict(params) | {model.first_layer[0]: layer | {"kernel": zeros}}
    out = np.asarray(model.apply(silent, x))
    np.testing.assert_array_equal(out, np.broadcast_to(out[:1], out.shape))


@every_model
def test_readout_is_what_the_prediction_comes_from(name: str) -> None:
    model, params, x = made(name)
    if CASES[name][0] in AS_THE_ARTICLE:
        assert model.readout is None  # so that fits start where its code starts
        return
    assert model.readout is not None
    *outer, last = model.readout  # a network behind another layer has its own in its parameters
    inner = params
    for part in outer:
        inner = inner[part]
    kernel, bias = inner[last]["kernel"], inner[last]["bias"]
    assert set(inner[last]) == {"kernel", "bias"} and len(bias) == (CASES[name][2] or 1)

    def put(changed: dict) -> dict:
        made = dict(inner) | {last: changed}
        for part in reversed(outer):
            made = {**params, part: made}
        return made

    # A change of its bias is one of the prediction, and without its kernel that is all there is.
    moved = put({"kernel": kernel, "bias": bias + 2})
    wanted = np.asarray(model.apply(params, x)) + 2
    np.testing.assert_allclose(model.apply(moved, x), wanted, rtol=1e-5, atol=1e-5)
    silent = put({"kernel": 0 * kernel, "bias": bias + 2})
    out = np.asarray(model.apply(silent, x))
    np.testing.assert_allclose(
        out, np.broadcast_to(bias + 2, (len(x), len(bias))).reshape(out.shape)
    )


@pytest.mark.parametrize("make", [lambda **k: models.from_linen(Linen(), **k),
                                  lambda **k: models.from_nnx(Nnx, **k)])  # fmt: skip
@pytest.mark.parametrize("argument", ["first_layer", "readout"])
def test_paths_are_tuples_of_names(make, argument: str) -> None:
    assert getattr(make(**{argument: ("first",)}), argument) == ("first",)
    assert getattr(make(), argument) is None
    for path in ("first", (), (1,), 3):
        with pytest.raises(TypeError, match=rf"^from_\w+: {argument} is .*\(\"name\",\)"):
            make(**{argument: path})


@every_model
def test_float64_where_x_is(name: str) -> None:
    if name == "from_nnx":
        return  # an NNX module is told its types when it is built
    with float64():
        model, shape, _ = CASES[name]
        x = jax.ShapeDtypeStruct(shape, np.int32 if name == "of_file" else np.float64)
        params = jax.eval_shape(model.init, jax.random.key(0), x)
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float64")}
        assert jax.eval_shape(model.apply, params, x).dtype == np.float64


@pytest.mark.parametrize("shape", [(4, 4), (5, 5), (6, 11), (9, 9), (28, 28), (2, 3)])
def test_cnn_takes_any_image_size(shape: tuple[int, int]) -> None:
    layers = (2, 3) if min(shape) >= 4 else (2,)
    model = models.cnn(3, layers, (4,))
    for channels in ((), (1,), (2,)):
        x = jax.ShapeDtypeStruct((2, *shape, *channels), np.float32)
        params = jax.eval_shape(model.init, jax.random.key(1), x)
        assert jax.eval_shape(model.apply, params, x).shape == (2, 3)
        shrunk = [side // 2 ** len(layers) for side in shape]
        assert params["hidden_0"]["kernel"].shape[0] == layers[-1] * shrunk[0] * shrunk[1]


def test_cnn_takes_images_without_a_channel_axis() -> None:
    model, params, x = made("cnn")
    np.testing.assert_allclose(model.apply(params, x), model.apply(params, x[..., None]), rtol=1e-6)


@pytest.mark.parametrize("hidden", [(), (0,), (3, -1)])
def test_mlp_needs_positive_sizes(hidden) -> None:
    with pytest.raises(ValueError, match="hidden"):
        models.mlp(hidden)


def test_nnx_is_linen_with_the_same_parameters() -> None:
    linen, nnx_, (_, params, x) = CASES["from_linen"][0], CASES["from_nnx"][0], made("from_nnx")
    assert jax.tree.structure(params) == jax.tree.structure(made("from_linen")[1])

    def loss(model):
        return jax.jit(jax.value_and_grad(lambda p: jnp.sum(jnp.square(model.apply(p, x)))))

    trees_close(loss(linen)(params), loss(nnx_)(params), rtol=1e-5, atol=1e-6)


class LinenNorm(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.BatchNorm(use_running_average=False, name="norm")(x)
        return nn.Dense(1, name="readout")(x)


class NnxNorm(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.norm = nnx.BatchNorm(4, rngs=rngs)

    def __call__(self, x):
        return self.norm(x)


class NnxDropout(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.readout = nnx.Linear(4, 1, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.readout(x))


@pytest.mark.parametrize(
    "model", [models.from_linen(LinenNorm()), models.from_nnx(NnxNorm), models.from_nnx(NnxDropout)]
)
def test_layers_with_state_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match=r"^from_(linen|nnx): .*without state \(LayerNorm"):
        model.init(jax.random.key(0), jnp.ones((1, 4)))


SHAPES = [(3, 6, 6, 1), (2, 7, 5, 3), (4, 1, 1, 2), (1, 3, 8, 4), (8, 5, 4, 3)]


@jax.jit
def reference(x, kernel, bias):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return (
        jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=dimensions) + bias
    )


@jax.jit
def ours(x, kernel, bias):
    params = {"params": {"kernel": kernel, "bias": bias}}
    return Conv3x3(kernel.shape[-1]).apply(params, x)


def drawn(shape, features: int = 5, lead: tuple[int, ...] = ()):
    rng = np.random.default_rng(sum(shape))
    kernel = rng.standard_normal((*lead, 3, 3, shape[-1], features))
    x, bias = rng.standard_normal(shape), rng.standard_normal((*lead, features))
    return jnp.asarray(x), jnp.asarray(kernel), jnp.asarray(bias)


@pytest.mark.parametrize("shape", SHAPES)
def test_convolution_is_lax_conv(shape: tuple[int, ...]) -> None:
    with float64():
        x, kernel, bias = drawn(shape)
        np.testing.assert_allclose(
            ours(x, kernel, bias), reference(x, kernel, bias), rtol=1e-12, atol=1e-12
        )

        def slopes(function):
            slope = jax.grad(lambda *a: jnp.sum(jnp.sin(function(*a))), (0, 1, 2))
            return jax.jit(slope)(x, kernel, bias)

        for found, wanted in zip(slopes(ours), slopes(reference), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("batched", [(None, 0, 0), (0, None, None), (0, 0, 0)])
def test_convolution_under_vmap(batched) -> None:
    with float64():
        _, kernel, bias = drawn((2, 5, 4, 3), lead=(3,))
        x = jnp.asarray(np.random.default_rng(1).standard_normal((3, 2, 5, 4, 3)))
        args = [
            a if axis == 0 else a[0] for a, axis in zip((x, kernel, bias), batched, strict=True)
        ]

        def slope(function):
            return jax.grad(lambda *a: jnp.sum(jnp.sin(function(*a))), 1)

        for build in (lambda f: f, slope):
            together, alone = jax.jit(jax.vmap(build(ours), batched)), jax.jit(build(reference))
            found = together(*args)
            for i in range(3):
                one = [a[i] if axis == 0 else a for a, axis in zip(args, batched, strict=True)]
                np.testing.assert_allclose(found[i], alone(*one), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES[:2], (2, 2, 9, 3), (1, 5, 5, 1)])
def test_pool_is_flax_max_pool(shape: tuple[int, ...]) -> None:
    with float64():
        x = drawn(shape)[0]

        def theirs(x):
            return nn.max_pool(x, (2, 2), strides=(2, 2))

        def slope(function):
            return jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(function(x)))))(x)

        np.testing.assert_array_equal(jax.jit(max_pool_2x2)(x), theirs(x))
        np.testing.assert_allclose(slope(max_pool_2x2), slope(theirs), rtol=1e-12)
        both = jnp.stack([x, -x])
        np.testing.assert_array_equal(jax.vmap(max_pool_2x2)(both)[1], theirs(-x))


def test_patches_are_the_neighbourhoods() -> None:
    x = np.arange(2 * 3 * 4 * 2.0).reshape(2, 3, 4, 2)
    found = np.asarray(neighbourhoods(jnp.asarray(x, jnp.float32), SAME_3X3)).reshape(
        2, 3, 4, 3, 3, 2
    )
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for row in range(3):
        for column in range(4):
            np.testing.assert_array_equal(
                found[:, row, column], padded[:, row : row + 3, column : column + 3]
            )


def equations(jaxpr):
    """All equations, inner programs included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda v: hasattr(v, "eqns") or hasattr(v, "jaxpr"),
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from equations(inner)


def primitives(jaxpr) -> set[str]:
    """Names of all primitives."""
    return {equation.primitive.name for equation in equations(jaxpr)}


def groups(jaxpr) -> set[int]:
    """The group counts of all convolutions of a program."""
    return {
        equation.params[name]
        for equation in equations(jaxpr)
        if equation.primitive.name == "conv_general_dilated"
        for name in ("feature_group_count", "batch_group_count")
    }


def test_no_grouped_convolution_in_the_batched_gradient() -> None:
    # Grouped convolutions cost O(fits²) on CPUs.
    model, _, x = made("cnn")
    keys = jax.random.split(jax.random.key(5), 3)

    def program(apply, params):
        gradient = jax.grad(lambda p, x: jnp.sum(jnp.square(apply(p, x))))
        return jax.make_jaxpr(jax.vmap(gradient, (0, None)))(params, x).jaxpr

    shapes = jax.eval_shape(jax.vmap(lambda k: model.init(k, x[:1])), keys)
    found = program(model.apply, shapes)
    assert groups(found) <= {1} and "dot_general" in primitives(found)
    usual = nn.Sequential([nn.Conv(2, (3, 3)), nn.Conv(2, (3, 3))])  # what the search would find
    stacked = jax.eval_shape(jax.vmap(lambda k: usual.init(k, x[..., None])), keys)
    assert 3 in groups(program(lambda p, x: usual.apply(p, x[..., None]), stacked))
