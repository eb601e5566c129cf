"""Equal parts are one part: what the library makes twice is equal, pickles and copies."""

import copy
import functools
import inspect
import itertools
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from numerics import HASTY

from jaxneuro import models, optimizers, penalties
from jaxneuro.models.values import LECUN_NORMAL, RELU, Uniform, VarianceScaling, named
from jaxneuro.types import Model


class Linen(nn.Module):
    """A user's own network."""

    units: int
    activation: Callable = nn.gelu

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.units, name="readout")(self.activation(x))


class Nnx(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.readout = nnx.Linear(24, 2, rngs=rngs)

    def __call__(self, x):
        return self.readout(x.reshape(len(x), -1))


class Wider(Nnx):
    pass


def readouts(path, leaf) -> bool:
    return path[0] == "readout"


def fixed_bias(inputs: int) -> Callable:
    return functools.partial(jnp.full, fill_value=1 / inputs)


ROWS = Path(tempfile.mkdtemp()) / "rows.npy"
for _path in (ROWS, ROWS.with_name("others.npy")):
    np.save(_path, np.ones((6, 4)))
GROUPS, LAGS = list("abcaabbcdacb"), {"lag": 4, "band": 3}
READOUT = ("readout",)
MAKERS: dict[str, dict[str, Callable[[], Any]]] = {
    "by_channel": {
        "": lambda: models.by_channel(models.cnn(3)),
        "other": lambda: models.by_channel(models.cnn(4)),
    },
    "mesh_network": {
        "": lambda: models.mesh_network(models.mesh_of(np.array([[0, 1, 2]]), 3), 2),
        "mesh": lambda: models.mesh_network(models.mesh_of(np.array([[0, 1, 2]]), 4), 2),
        "order": lambda: models.mesh_network(models.mesh_of(np.array([[0, 1, 2]]), 3), 2, order=3),
    },
    "of_file": {
        "": lambda: models.of_file(models.linear(), ROWS),
        "model": lambda: models.of_file(models.linear(2), ROWS),
        "path": lambda: models.of_file(models.linear(), ROWS.with_name("others.npy")),
        "unit": lambda: models.of_file(models.linear(), ROWS, 2),
    },
    "of_patches": {
        "": lambda: models.of_patches(models.cnn(2), np.ones((1, 5, 5, 2)), 3),
        "model": lambda: models.of_patches(models.cnn(3), np.ones((1, 5, 5, 2)), 3),
        "images": lambda: models.of_patches(models.cnn(2), np.zeros((1, 5, 5, 2)), 3),
        "size": lambda: models.of_patches(models.cnn(2), np.ones((1, 5, 5, 2)), 5),
    },
    "volume_cnn": {
        "": lambda: models.volume_cnn(2),
        "channels": lambda: models.volume_cnn(2, (4,)),
    },
    "linear": {"": models.linear, "of 2": lambda: models.linear(2)},
    "mlp": {
        "": models.mlp,
        "deeper": lambda: models.mlp((32, 4)),
        "of 2": lambda: models.mlp(outputs=2),
        "tanh": lambda: models.mlp(activation=jnp.tanh),
        "gelu": lambda: models.mlp(activation=nn.gelu),
    },
    "cnn": {
        "": lambda: models.cnn(3),
        "of 2": lambda: models.cnn(2),
        "narrow": lambda: models.cnn(3, (2, 3), (4,)),
        "evenly": lambda: models.cnn(3, kernel_init=VarianceScaling(1.0, "fan_in", "uniform")),
        "biased": lambda: models.cnn(3, bias_init=fixed_bias),
    },
    "neuron_mlp": {
        "": models.neuron_mlp,
        "wider": lambda: models.neuron_mlp(64),
        "of 2": lambda: models.neuron_mlp(outputs=2),
    },
    "region_cnn": {"": lambda: models.region_cnn(3), "of 2": lambda: models.region_cnn(2)},
    "linear_decoder": {"": models.linear_decoder, "of 2": lambda: models.linear_decoder(2)},
    "linear_nonlinear": {"": models.linear_nonlinear},
    "core_readout": {
        "": lambda: models.core_readout(3, (2,), 3),
        "of 2": lambda: models.core_readout(2, (2,), 3),
    },
    "wiener_cascade": {
        "": lambda: models.wiener_cascade(2),
        "of degree 2": lambda: models.wiener_cascade(2, 2),
    },
    "eeg_network": {
        "": lambda: models.eeg_network(3),
        "without dropout": lambda: models.eeg_network(3, dropout=0),
    },
    "recurrent": {"": models.recurrent, "lstm": lambda: models.recurrent(cell="lstm")},
    "temporal_convolution": {
        "": models.temporal_convolution,
        "of 1": lambda: models.temporal_convolution((4,)),
    },
    "from_linen": {
        "": lambda: models.from_linen(Linen(2)),
        "of 3": lambda: models.from_linen(Linen(3)),
        "silu": lambda: models.from_linen(Linen(2, activation=named(nn.silu))),
        "with a first layer": lambda: models.from_linen(Linen(2), first_layer=READOUT),
        "with a readout": lambda: models.from_linen(Linen(2), readout=READOUT),
    },
    "from_nnx": {
        "": lambda: models.from_nnx(Nnx),
        "of another": lambda: models.from_nnx(Wider),
        "with a first layer": lambda: models.from_nnx(Nnx, first_layer=READOUT),
        "with a readout": lambda: models.from_nnx(Nnx, readout=READOUT),
    },
    "ridge": {
        "": penalties.ridge,
        "number": lambda: penalties.ridge(0.1),
        "name": lambda: penalties.ridge("l1"),
        "where": lambda: penalties.ridge(where=readouts),
    },
    "lasso": {
        "": penalties.lasso,
        "number": lambda: penalties.lasso(0.1),
        "name": lambda: penalties.lasso("l2"),
        "where": lambda: penalties.lasso(where=readouts),
    },
    "group_lasso": {
        "": lambda: penalties.group_lasso(GROUPS),
        "number": lambda: penalties.group_lasso(GROUPS, 0.1),
        "other groups": lambda: penalties.group_lasso(GROUPS[::-1]),
        "where": lambda: penalties.group_lasso(GROUPS, where=readouts),
    },
    "banded_ridge": {
        "": lambda: penalties.banded_ridge(GROUPS),
        "numbers": lambda: penalties.banded_ridge(GROUPS, dict.fromkeys("abcd", 0.1)),
        "names": lambda: penalties.banded_ridge(GROUPS, dict.fromkeys("abcd", "l2")),
        "other groups": lambda: penalties.banded_ridge(GROUPS[::-1]),
        "where": lambda: penalties.banded_ridge(GROUPS, where=readouts),
    },
    "sparse_group_lasso": {
        "": lambda: penalties.sparse_group_lasso(GROUPS),
        "number": lambda: penalties.sparse_group_lasso(GROUPS, 0.1),
        "share": lambda: penalties.sparse_group_lasso(GROUPS, share=0.1),
        "share by name": lambda: penalties.sparse_group_lasso(GROUPS, share="share"),
        "other groups": lambda: penalties.sparse_group_lasso(GROUPS[::-1]),
        "where": lambda: penalties.sparse_group_lasso(GROUPS, where=readouts),
    },
    "smooth_lasso": {
        "": penalties.smooth_lasso,
        "number": lambda: penalties.smooth_lasso(0.1),
        "width": lambda: penalties.smooth_lasso(width=0.1),
        "where": lambda: penalties.smooth_lasso(where=readouts),
    },
    "smoothness": {
        "": lambda: penalties.smoothness("lag", LAGS),
        "number": lambda: penalties.smoothness("lag", LAGS, 0.1),
        "axis": lambda: penalties.smoothness("band", LAGS),
        "sizes": lambda: penalties.smoothness("lag", {"lag": 3, "band": 4}),
        "order": lambda: penalties.smoothness("lag", dict(reversed(LAGS.items()))),
        "where": lambda: penalties.smoothness("lag", LAGS, where=readouts),
    },
    "lbfgs": {"": optimizers.lbfgs, "memory": lambda: optimizers.lbfgs(4)},
    "proximal": {"": optimizers.proximal, "first step": lambda: optimizers.proximal(0.5)},
}
PARTS = {
    f"{kind} {variant}".strip(): make
    for kind, variants in MAKERS.items()
    for variant, make in variants.items()
}
every_part = pytest.mark.parametrize("name", PARTS)


def test_every_part_of_the_library_is_here() -> None:
    made = set(models.__all__) | set(optimizers.__all__) - {"Proximal"}
    for name, function in inspect.getmembers(penalties, inspect.isfunction):
        if inspect.signature(function).return_annotation is penalties.Penalty:
            made.add(name)
    assert made == set(MAKERS)


@every_part
def test_made_twice_it_is_one(name: str) -> None:
    one, two = PARTS[name](), PARTS[name]()
    assert one == two and hash(one) == hash(two)
    assert len({one: 1, two: 2}) == 1


def test_no_two_parts_are_equal() -> None:
    parts = {name: make() for name, make in PARTS.items()}
    for a, b in itertools.combinations(parts, 2):
        assert parts[a] != parts[b], (a, b)


@every_part
def test_it_pickles(name: str) -> None:
    part = PARTS[name]()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(part, protocol))
        assert back == part and hash(back) == hash(part) and type(back) is type(part)


@every_part
def test_it_copies(name: str) -> None:
    part = PARTS[name]()
    for back in (copy.copy(part), copy.deepcopy(part)):
        assert back == part and hash(back) == hash(part) and type(back) is type(part)


def test_the_same_arguments_in_other_forms() -> None:
    assert penalties.ridge(1) == penalties.ridge(1.0) == penalties.ridge(np.float32(1))
    assert penalties.group_lasso(np.array(GROUPS)) == penalties.group_lasso(GROUPS)
    assert penalties.group_lasso([3, 5, 3]) == penalties.group_lasso(["x", "y", "x"])
    sizes = {name: np.int64(size) for name, size in LAGS.items()}
    assert penalties.smoothness("lag", sizes) == penalties.smoothness("lag", LAGS)
    assert optimizers.lbfgs(np.int64(10)) == optimizers.lbfgs()
    assert optimizers.proximal(1) == optimizers.proximal(jnp.asarray(1.0)) == optimizers.proximal()
    assert models.mlp([3, 4]) == models.mlp((3, 4))
    assert models.mlp(activation=jax.nn.relu) == models.mlp(activation=nn.relu) == models.mlp()
    linen = models.from_linen(Linen(2), first_layer=["readout"], readout=["readout"])  # type: ignore
    assert linen == models.from_linen(Linen(2), READOUT, READOUT)


def test_equal_models_are_traced_once() -> None:
    """What equality is for: a cache by the part finds the first one's program."""
    traced = []

    @functools.partial(jax.jit, static_argnums=0)
    def predict(model: Model, params, x):
        traced.append(model)
        return model.apply(params, x)

    x = jnp.ones((3, 12))
    params = models.mlp((4,)).init(jax.random.key(0), x)
    for model in (models.mlp((4,)), models.mlp((4,)), copy.deepcopy(models.mlp((4,)))):
        predict(model, params, x)
    assert len(traced) == 1


class Listed(nn.Module):
    """A field without a hash."""

    sizes: Any

    @nn.compact
    def __call__(self, x):
        for i, size in enumerate(self.sizes):
            x = nn.Dense(size, name=f"layer_{i}")(x)
        return x


@pytest.mark.parametrize("sizes", [[3, 2], np.array([3, 2])])
def test_a_module_without_a_hash_is_equal_to_itself_only(sizes) -> None:
    x = jnp.ones((5, 4))
    model, other = models.from_linen(Listed(sizes)), models.from_linen(Listed(sizes))
    same = models.from_linen(Listed((3, 2)))
    assert model == model and model != other and len({model, other}) == 2
    params = model.init(jax.random.key(0), x)
    wanted = same.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, params, wanted)
    np.testing.assert_array_equal(model.apply(params, x), same.apply(params, x))
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.apply(params, x), model.apply(params, x))


class NoHash:
    """A function that can be compared and has no hash."""

    def __init__(self, function: Callable):
        self.function = function

    def __eq__(self, other) -> bool:
        return isinstance(other, NoHash)

    __hash__ = None  # type: ignore

    def __call__(self, *args):
        return self.function(*args)


def test_functions_without_a_hash_are_equal_to_themselves_only() -> None:
    where, build = NoHash(readouts), NoHash(Nnx)
    penalty, model = penalties.ridge(where=where), models.from_nnx(build)
    assert penalty == penalties.ridge(where=where) and hash(penalty) is not None
    assert penalty != penalties.ridge(where=NoHash(readouts))
    assert model == model
    assert model != models.from_nnx(NoHash(Nnx)) and hash(model) is not None
    params = model.init(jax.random.key(0), jnp.ones((1, 12)))
    wanted = penalties.ridge(where=readouts).value(params, {"l2": 2.0})
    np.testing.assert_array_equal(penalty.value(params, {"l2": 2.0}), wanted)


def test_a_function_made_anew_is_another_part() -> None:
    # As in a notebook, where a cell that is run again may define another function of that name.
    assert penalties.ridge(where=lambda *_: True) != penalties.ridge(where=lambda *_: True)
    assert models.mlp(activation=lambda x: x) != models.mlp(activation=lambda x: x)

    def relu(x):
        return -x

    assert named(relu) is relu and models.mlp(activation=relu) != models.mlp()


def test_jax_functions_by_name() -> None:
    assert named(nn.relu) == RELU and named(jnp.tanh) == named(nn.tanh)
    x = jnp.linspace(-2, 2, 7)
    for function in (nn.relu, nn.gelu, jnp.tanh, jax.nn.softplus, jnp.sin):
        again = pickle.loads(pickle.dumps(named(function)))
        np.testing.assert_array_equal(again(x), function(x))


def test_lbfgs_goes_into_an_optax_chain() -> None:
    params, gradient = {"a": jnp.ones(3)}, {"a": jnp.asarray([1.0, -2.0, 0.5])}
    alone, chained = optimizers.lbfgs(3), optax.chain(optimizers.lbfgs(3), optax.scale(0.5))
    assert isinstance(alone, optax.GradientTransformationExtraArgs)
    value = jnp.asarray(2.0)
    whole, _ = alone.update(gradient, alone.init(params), params, value=value)
    half, _ = chained.update(gradient, chained.init(params), params, value=value)
    np.testing.assert_allclose(half["a"], 0.5 * whole["a"], rtol=1e-7)


def test_proximal_takes_a_traced_first_step() -> None:
    @jax.jit
    def first(step):
        return optimizers.proximal(step).init({"a": jnp.ones(3)}).step

    assert first(0.25) == 0.25


@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_initializers_are_flax_own(mode: Any, distribution: Any) -> None:
    key, theirs = jax.random.key(1), nn.initializers.variance_scaling(0.7, mode, distribution)
    ours = VarianceScaling(0.7, mode, distribution)
    for shape in ((7, 5), (3, 3, 2, 4)):
        for dtype in (np.float32, np.float16):
            found = ours(key, shape, dtype)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, theirs(key, shape, dtype))
    lecun = nn.initializers.lecun_normal()
    np.testing.assert_array_equal(LECUN_NORMAL(key, (7, 5)), lecun(key, (7, 5)))
    drawn = jax.random.uniform(key, (9,), np.float32, -0.5, 0.5)
    np.testing.assert_array_equal(Uniform(0.5)(key, (9,), np.float32), drawn)


class Flax(nn.Module):
    """The library's networks in plain Flax, with Flax's own initializers."""

    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int
    torch: bool

    @nn.compact
    def __call__(self, x):
        for i, features in enumerate(self.channels):
            x = x if x.ndim == 4 else x[..., None]
            init = self.inits(9 * x.shape[-1])
            x = nn.max_pool(nn.Conv(features, (3, 3), name=f"conv_{i}", **init)(x), (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        for i, units in enumerate(self.hidden):
            x = nn.Dense(units, name=f"hidden_{i}", **self.inits(x.shape[1]))(x)
        return nn.Dense(self.outputs, name="readout", **self.inits(x.shape[1]))(x)

    def inits(self, inputs: int) -> dict[str, Callable]:
        def evenly(key, shape, dtype):
            return jax.random.uniform(key, shape, dtype, -(inputs**-0.5), inputs**-0.5)

        if not self.torch:
            return {"kernel_init": nn.initializers.lecun_normal(), "bias_init": nn.zeros_init()}
        kernel = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
        return {"kernel_init": kernel, "bias_init": evenly}


@pytest.mark.parametrize(
    ("model", "flax"),
    [
        (models.mlp((5, 4), 3), Flax((), (5, 4), 3, torch=False)),
        (models.neuron_mlp(5, 3), Flax((), (5,), 3, torch=True)),
        (models.linear_decoder(3), Flax((), (), 3, torch=True)),
        (models.cnn(3, (2, 4), (5,)), Flax((2, 4), (5,), 3, torch=False)),
        (models.region_cnn(3), Flax((32, 64), (128,), 3, torch=True)),
    ],
)
def test_models_start_as_their_flax_twins_do(model: Model, flax: nn.Module) -> None:
    x, key = jnp.ones((1, 8, 6)), jax.random.key(4)
    found, wanted = jax.jit(model.init)(key, x), jax.jit(flax.init)(key, x)["params"]
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def numbers(part: Any) -> list[np.ndarray]:
    """What a part computes from fixed inputs."""
    x = np.random.default_rng(0).standard_normal((3, 4, 6)).astype(np.float32)
    hyper = dict.fromkeys(["l1", "l2", "smooth", "share", *(f"l2_{g}" for g in "abcd")], 0.3)

    def compute(x):
        model = part if isinstance(part, Model) else models.mlp((12,), 2)
        params = model.init(jax.random.key(5), x)
        if isinstance(part, Model):
            return params, part.apply(params, x)
        if isinstance(part, penalties.Penalty):
            moved = part.prox(params, jnp.asarray(0.1), hyper) if part.prox else None
            return part.value(params, hyper), moved
        gradient = jax.tree.map(lambda leaf: leaf + 0.5, params)
        return part.update(gradient, part.init(params), params, value=jnp.asarray(1.0))

    return [np.asarray(a) for a in jax.tree.leaves(jax.jit(compute, compiler_options=HASTY)(x))]


THERE = """
import pathlib, pickle, sys, test_values
parts = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
assert all(part == test_values.PARTS[name]() for name, part in parts.items())
found = {name: test_values.numbers(part) for name, part in parts.items()}
pathlib.Path(sys.argv[2]).write_bytes(pickle.dumps(found))
"""


@pytest.mark.slow
def test_the_same_numbers_in_another_process(tmp_path: Path) -> None:
    other = {
        "eeg_network",
        "by_channel",
        "mesh_network",
        "of_file",
        "of_patches",
        "volume_cnn",
    }  # take inputs of other shapes
    kinds = [kind for kind in MAKERS if kind not in other]
    names = [f"{kind} {variant}".strip() for kind in kinds for variant in list(MAKERS[kind])[:1]]
    names += ["mlp tanh", "cnn narrow", "ridge number", "lasso where", "lbfgs memory"]
    here = {name: PARTS[name]() for name in names}
    parts, found = tmp_path / "parts.pkl", tmp_path / "found.pkl"
    parts.write_bytes(pickle.dumps(here))
    run = subprocess.run(
        [sys.executable, "-c", THERE, parts, found],
        cwd=Path(__file__).parent, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    there = pickle.loads(found.read_bytes())
    assert there.keys() == here.keys()
    for name, part in here.items():
        for a, b in zip(there[name], numbers(part), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name, strict=True)
