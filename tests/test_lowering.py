"""Programs for accelerators, lowered where there is none; and none waits for the host."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import FEATURES, PAIRS, POISSON, SAMPLES, TARGETS, problem, targets_and_grid

from jaxneuro import (
    Axis,
    areas,
    axes,
    compat,
    condense,
    fit_many,
    losses,
    make_fit,
    models,
    optimizers,
    penalties,
    splits,
)
from jaxneuro import decoding as decoders
from jaxneuro.engine import refill, stages
from jaxneuro.engine.lane import make_lane, shape_of
from jaxneuro.engine.rows import flatten_axes
from jaxneuro.engine.task import make_task
from jaxneuro.engine.work import inner_of
from jaxneuro.fit import Fit, Stop
from jaxneuro.inputs import make_inputs
from jaxneuro.linear import banded_ridge_search, ridge_search

ELSEWHERE = ("cuda", "tpu")
LANES = 3


def stages_of(fit: Fit, inputs: Any, every: list) -> dict[str, Any]:
    """The engine's traced programs of one device, as `fit_many` has them traced."""
    with compat.own_settings():
        return _stages_of(fit, inputs, every)


def _stages_of(fit: Fit, inputs: Any, every: list) -> dict[str, Any]:
    every = flatten_axes(every)
    row = np.zeros(len(every), np.int32)
    task = make_task(fit, inputs, every, row)
    shared, selects = jax.tree.map(shape_of, (task.first, task.selects))
    lane = make_lane(fit, shared, selects, len(row))

    def lanes(shape: Any) -> Any:
        return jax.ShapeDtypeStruct((LANES, *shape.shape), shape.dtype)

    flags = jax.ShapeDtypeStruct((LANES,), bool)
    held = stages.Held(*jax.tree.map(lanes, (lane.own, lane.state)))
    moves, limits = (jax.ShapeDtypeStruct(size, jnp.int32) for size in ((LANES, 4), (2,)))
    given = {
        "start": (partial(stages.start, lane), shared, selects, lanes(row)),
        "exchange": (stages.exchange, held, held, moves),
        "advance": (partial(stages.advance, lane), shared, held, flags, limits),
        "finish": (partial(stages.finish, lane), shared, held),
    }
    return {
        name: jax.jit(function).trace(*arguments) for name, (function, *arguments) in given.items()
    }


def primitives(jaxpr: Any) -> set[str]:
    found = {eqn.primitive.name for eqn in jaxpr.eqns}
    return found.union(*(primitives(body) for eqn in jaxpr.eqns for body in inner_of(eqn)))


def products(jaxpr: Any) -> Iterator[Any]:
    """Of floating-point numbers: matrix products and convolutions."""
    for eqn in jaxpr.eqns:
        floating = jnp.issubdtype(eqn.outvars[0].aval.dtype, jnp.floating) if eqn.outvars else False
        if floating and eqn.primitive.name in ("dot_general", "conv_general_dilated"):
            yield eqn
        for body in inner_of(eqn):
            yield from products(body)


def check(traced: Any) -> None:
    in_full = (jax.lax.Precision.HIGHEST,) * 2
    short = [eqn for eqn in products(traced.jaxpr.jaxpr) if eqn.params["precision"] != in_full]
    assert not short, f"{len(short)} products in TF32 on a GPU: {short[0]}"
    asks = {n for n in primitives(traced.jaxpr.jaxpr) if "callback" in n or n.startswith("debug")}
    assert not asks and not traced.jaxpr.effects
    for platform in ELSEWHERE:
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert "lapack" not in text and "xla_python_cpu" not in text


def images() -> tuple[Fit, Any, list]:
    """Convolutions of image-like epochs, minibatches, a schedule."""
    fit = make_fit(
        models.region_cnn(3), losses.cross_entropy, optax.adamw(1e-3), stop=Stop(max_steps=5),
        batch=8,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    inputs = make_inputs(rng.normal(size=(20, 8, 8)), np.arange(20) % 3)
    return fit, inputs, [axes.seeds(2)]


def epochs() -> tuple[Fit, Any, list]:
    """Dropout, and an orthogonal start: a decomposition."""
    fit = make_fit(
        models.recurrent(4), losses.half_squared_error, optax.sgd(0.1), stop=Stop(max_steps=5)
    )
    rng = np.random.default_rng(0)
    inputs = make_inputs(rng.normal(size=(20, 6, 5)), rng.normal(size=20))
    return fit, inputs, [axes.bootstraps(2)]


def groups() -> tuple[Fit, Any, list]:
    fit = make_fit(
        models.linear(), losses.half_squared_error, optimizers.proximal(),
        penalties.group_lasso([0, 0, 1, 1, 1], "strength"), Stop(max_steps=5), standardise=True,
    )  # fmt: skip
    test = np.arange(2)[:, None] == np.arange(SAMPLES) % 2
    return fit, problem(), [*targets_and_grid(), axes.folds(~test, test)]


CASES: dict[str, Callable] = {
    **{name: lambda fit=fit: (fit, problem(), targets_and_grid()) for name, fit in PAIRS.items()},
    "group lasso, folds": groups,
    "images, adamw": images,
    "recurrent, bootstraps": epochs,
}
QUICK = ("poisson, lbfgs", "group lasso, folds")


@pytest.mark.parametrize(
    "case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES]
)
def test_many_fits_are_lowered_for_accelerators(case):
    for traced in stages_of(*CASES[case]()).values():
        check(traced)


def test_what_runs_on_cpus_alone_is_seen():
    def schur(inputs, index):
        turned = jax.scipy.linalg.schur(inputs.x[:FEATURES])[0]
        return inputs._replace(y=inputs.y * turned.sum())

    traced = stages_of(POISSON, problem(), [*targets_and_grid(), Axis("turned", 2, schur)])
    with pytest.raises(NotImplementedError, match="schur"):
        check(traced["start"])

    def told(inputs, index):
        jax.debug.print("{}", index)
        return inputs

    traced = stages_of(POISSON, problem(), [*targets_and_grid(), Axis("told", 2, told)])
    with pytest.raises(AssertionError):
        check(traced["start"])


def modules(*names: str) -> Iterator[ModuleType]:
    for name in names:
        module = importlib.import_module(f"jaxneuro.{name}")
        yield module
        for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
            yield importlib.import_module(f"{module.__name__}.{inner.name}")


PROGRAMS = {
    f"{module.__name__}.{name}": value
    for module in modules("linear", "areas", "classify")
    for name, value in vars(module).items()
    if hasattr(value, "lower") and getattr(value, "__module__", "") == module.__name__
}


@pytest.fixture
def called(monkeypatch):
    """Programs beside the engine's, traced as they are called: by name and operations."""
    found: dict[tuple[str, frozenset[str]], Any] = {}

    def watch(name: str, program: Any) -> Callable:
        def call(*arguments, **options):
            traced = program.trace(*arguments, **options)
            found[name, frozenset(primitives(traced.jaxpr.jaxpr))] = traced
            return program(*arguments, **options)

        return call

    loaded = [module for name, module in sys.modules.items() if name.startswith("jaxneuro.")]
    for name, program in PROGRAMS.items():
        watched = watch(name, program)
        for module in loaded:
            for attribute in [n for n, value in vars(module).items() if value is program]:
                monkeypatch.setattr(module, attribute, watched)
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_all_other_programs_are_lowered_for_accelerators(called):
    rng = np.random.default_rng(0)
    y, label = rng.normal(size=(40, 3)), np.arange(40) % 2
    folds = splits.k_fold(40, 2)
    nested = splits.nested(folds, lambda train: splits.k_fold(len(train), 2))
    for features in (6, 50):  # by features, and by samples
        x = rng.normal(size=(40, features))
        ridge_search(x, y, folds, [0.1, 1.0])
        bands = np.arange(features) % 2
        banded_ridge_search(x, y, folds, bands, [[0.5, 0.5], [0.9, 0.1]], [0.1, 1.0])
    decoder = make_fit(
        models.linear(3), losses.half_squared_error, optimizers.lbfgs(), penalties.ridge()
    )
    condense(decoder, make_inputs(rng.normal(size=(40, 6)), y), folds)
    spheres = areas.spheres(np.ones((3, 3, 2), bool), 3.0, 4.5)
    x = rng.normal(size=(40, 18)).astype(np.float32)
    for decoder in ("ridge", "lda", "max_correlation", "logistic"):
        areas.searchlight(
            x, label, folds, spheres, decoder, permutations=1, groups=np.arange(40) // 4
        )
    x = rng.normal(size=(40, 3, 4)).astype(np.float32)
    for decoder in ("logistic", "max_correlation", "lda"):
        decoders.generalise(x, label, folds, decoder, permutations=1)
    decoders.generalise(x, label, nested, l2=[0.1, 1.0])
    series = [rng.normal(size=(40, 6)) for _ in range(3)]
    areas.hyperalign(series)
    areas.shared_response(series, 2)
    prints = rng.normal(size=(4, 9, 5)).astype(np.float32)
    areas.parcellate(prints, np.repeat(["a", "b", "c"], 3))
    areas.surroundings(prints[0], areas.from_lists([[(i + 1) % 9] for i in range(9)]))
    assert {name for name, _ in called} == set(PROGRAMS) and len(PROGRAMS) > 10
    for (name, _), traced in called.items():
        try:
            check(traced)
        except Exception as error:
            error.add_note(name)
            raise


def test_the_host_does_not_ask_at_every_step(monkeypatch):
    """Nothing is fetched but once for many steps: on an accelerator each fetch is a wait."""
    steps, looks = 400, []
    fetch, wait = jax.device_get, jax.block_until_ready
    monkeypatch.setattr(refill.jax, "device_get", lambda a: looks.append("get") or fetch(a))
    monkeypatch.setattr(refill.jax, "block_until_ready", lambda a: looks.append("wait") or wait(a))
    fit = make_fit(
        models.linear(), losses.poisson, optax.sgd(1e-3), stop=Stop(steps, gradient=0, plateau=0)
    )
    found = fit_many(fit, problem(), [axes.targets(TARGETS)], lanes=TARGETS)
    assert (found.steps == steps).all()
    assert 0 < len(looks) < steps / 4
