"""Fits and inputs that the tests of many fits share, so that their engines are compiled once."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax

from jaxneuro import axes, losses, metrics, models, optimizers, penalties
from jaxneuro.engine import programs
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.fits import Fits
from jaxneuro.inputs import make_inputs

SAMPLES, FEATURES, TARGETS = 97, 5, 8
LANES = 4
STRENGTHS = (1e-3, 0.1, 3.0)
FIELDS = ("params", "status", "warning", "steps", "loss", "gradient_norm", "scores")


def _adam(hyper):
    return optax.adam(hyper["learning_rate"])


def _sgd(hyper):
    return optax.sgd(hyper["learning_rate"])


def _pairs() -> dict[str, Fit]:
    ridge, correlation = penalties.ridge("strength"), {"correlation": metrics.correlation}
    return {
        "poisson, lbfgs": make_fit(
            models.linear(), losses.poisson, optimizers.lbfgs(3), ridge, Stop(max_steps=50),
            scores=correlation, standardise=True,
        ),
        "poisson, preconditioned": make_fit(
            models.linear(), losses.poisson, optimizers.lbfgs(3), ridge, Stop(max_steps=50),
            precondition=True,
        ),
        "mlp, adam": make_fit(
            models.mlp((6,)), losses.half_squared_error, _adam, ridge,
            Stop(max_steps=40, patience=6),
        ),
        "mlp, minibatches": make_fit(
            models.mlp((6,)), losses.half_squared_error, _sgd, ridge, Stop(max_steps=30), batch=16,
            scores=correlation,
        ),
        "lasso, proximal": make_fit(
            models.linear(), losses.half_squared_error, optimizers.proximal(),
            penalties.lasso("strength"), Stop(max_steps=100),
        ),
    }  # fmt: skip


PAIRS = _pairs()
POISSON = PAIRS["poisson, lbfgs"]


def counts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x (sample, feature) and spike counts y (sample, target)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, FEATURES)).astype(np.float32)
    rate = np.exp(0.3 * x @ rng.normal(size=(FEATURES, TARGETS)) + 0.5)
    return x, rng.poisson(rate).astype(np.float32)


def problem(y: np.ndarray | None = None, learning_rate: float = 0.05, seed: int = 0):
    """The inputs of all pairs: a fifth of the samples held out, a fifth for validation."""
    x, drawn = counts(seed)
    part = np.arange(SAMPLES) % 5
    return make_inputs(
        x,
        drawn if y is None else y,
        held_out=part == 0,
        validation=part == 2,
        hyper={"learning_rate": learning_rate},
        key=7,
    )


def targets_and_grid() -> list:
    return [axes.targets(TARGETS), axes.grid(strength=STRENGTHS)]


def leaves(fits: Fits, which=slice(None)) -> dict[str, np.ndarray]:
    """Every array of a fit's result by name, (fit, ...)."""
    found = {name: getattr(fits, name) for name in FIELDS}
    depth = len(fits.shape)
    return {
        jax.tree_util.keystr(path): leaf.reshape(len(fits), *leaf.shape[depth:])[which]
        for path, leaf in jax.tree_util.tree_leaves_with_path(found)
    }


def assert_same_bits(found: Fits, expected: Fits, found_rows=slice(None), rows=slice(None)):
    """The fits `found_rows` of one have the bits of the fits `rows` of the other."""
    found_leaves, expected_leaves = leaves(found, found_rows), leaves(expected, rows)
    assert list(found_leaves) == list(expected_leaves)
    for name, leaf in found_leaves.items():
        other = expected_leaves[name]
        assert (leaf.shape, leaf.dtype) == (other.shape, other.dtype), name
        assert leaf.tobytes() == other.tobytes(), name


def assert_close(found: Fits, expected: Fits, rtol: float, steps: int = 0):
    """Same to rounding; step counts at most `steps` apart."""
    apart = np.abs(found.steps.ravel() - expected.steps.ravel())
    assert apart.max() <= steps, apart
    expected_leaves = leaves(expected)
    for name, leaf in leaves(found).items():
        if "steps" in name or ("gradient_norm" in name and steps):
            continue
        other = expected_leaves[name]
        scale = rtol * np.nanmax(np.abs(other), initial=1e-3, where=np.isfinite(other))
        np.testing.assert_allclose(leaf, other, rtol=rtol, atol=scale, err_msg=name)


def python(code: str, *arguments, check: bool = True, **environment: str):
    """Runs `code` in a new process that can import jaxneuro and these helpers."""
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0 or not check, f"status {run.returncode}: {run.stderr[-3000:]}"
    return run


def settled() -> None:
    """Waits until no program is compiled in the background."""
    for engine in [*programs._engines.values()]:
        if engine.exchange.begun:
            engine.exchange.result()
