"""What the processes of one run share: compiled programs, and how hard XLA tries for them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

_FOLDER, _LEAST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
# For all that does not say itself how hard XLA is to try, as the engine's programs do.
_QUICK = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
_made: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    """A folder of programs, fresh for each run: before JAX is imported, and before the workers are
    started, which inherit it, as do their children. Of the short tests, most is compiling: half of
    it is saved where XLA tries less hard."""
    if _FOLDER not in os.environ:
        _made.append(tempfile.mkdtemp(prefix="jaxneuro-programs-"))
        os.environ[_FOLDER] = _made[0]
        os.environ.setdefault(_LEAST, "0.1")
    if config.option.markexpr == "not slow" and "XLA_FLAGS" not in os.environ and _has(_QUICK):
        os.environ["XLA_FLAGS"] = _QUICK


def _has(flags: str) -> bool:
    """Whether XLA knows them: it ends a process that has others."""
    command = [sys.executable, "-c", "import jax.numpy; jax.numpy.zeros(1)"]
    tried = subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags}, capture_output=True)
    return tried.returncode == 0


def pytest_unconfigure(config: pytest.Config) -> None:
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def exact_on_gpus() -> Iterator[None]:
    """What a test itself computes, to hold our results against, is of full float32 on GPUs too.
    That our programs ask for it themselves is seen on CPUs (tests/test_lowering.py)."""
    import jax

    precise = jax.default_backend() != "cpu"
    with jax.default_matmul_precision("highest") if precise else nullcontext():
        yield


@pytest.fixture(scope="module")
def hasty() -> Iterator[None]:
    """Programs compiled in a third of the time, and slower in running: for modules of many small
    fits whose subject is neither a fit's bits nor its speed."""
    import jax
    from numerics import HASTY

    from jaxneuro import compat
    from jaxneuro.engine import programs

    flag = "jax_disable_most_optimizations"
    before = jax.config.values[flag]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            compat, "compiler_options", lambda platform, _: HASTY if platform == "cpu" else {}
        )
        jax.config.update(flag, True)
        yield
        jax.config.update(flag, before)
    programs._engines.clear()  # none of them for a module that asks for more


@pytest.fixture(params=["float32", "float64"])
def close(request: pytest.FixtureRequest) -> Iterator[Callable]:
    """Runs a test in both precisions, without rank promotion; gives its `assert_allclose`."""
    import jax
    import numpy as np
    from numerics import enable_x64

    double = request.param == "float64"
    rtol, atol = (1e-10, 1e-10) if double else (3e-5, 3e-6)
    with enable_x64(double), jax.numpy_rank_promotion("raise"):
        yield lambda actual, desired: np.testing.assert_allclose(actual, desired, rtol, atol)
