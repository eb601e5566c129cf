"""What differs between versions of JAX, in one place."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.core
import jax.export
import numpy as np
from jax.extend.core import ClosedJaxpr
from jax.interpreters import partial_eval
from jax.sharding import Mesh

from jaxneuro.collector import postponed

T = TypeVar("T")


def lane_mesh(devices: Sequence[Any]) -> Mesh:
    """A mesh of one axis, "lane". Axes made by `Mesh` are Auto; `jax.make_mesh` made them Explicit
    from some version on."""
    return Mesh(np.asarray(devices), ("lane",))


def per_device(function: Callable, mesh: Mesh, in_specs: Any, out_specs: Any) -> Callable:
    """`shard_map` without its check of replication, which does not know of our while loops."""
    return jax.shard_map(
        function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )


def less(
    program: ClosedJaxpr, wanted: Sequence[bool], kept: Sequence[bool] | bool = False
) -> tuple[ClosedJaxpr, list[bool]]:
    """The traced program of what is `wanted` of its outputs, by the inputs that these need and
    those to be `kept`; and which inputs these are."""
    made, needed = partial_eval.dce_jaxpr(program.jaxpr, wanted, kept)
    return ClosedJaxpr(made, program.consts), needed


@contextmanager
def own_settings() -> Iterator[None]:
    """The settings of JAX that our programs are written for, whatever the user's: lanes hold
    infinities and NaN on purpose, arrays of other ranks meet by broadcasting, and products are of
    full float32 (recent GPUs take TF32, of ten bits, by default)."""
    with (
        jax.debug_nans(False),
        jax.debug_infs(False),
        jax.numpy_rank_promotion("allow"),
        jax.default_matmul_precision("highest"),
    ):
        yield


def keep_programs(folder: Path) -> None:
    """Compiled programs are kept in a folder from now on, and found there by the next process."""
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def export(function: Callable, leaves: Sequence[Any], tails: Any) -> bytes:
    """StableHLO of `function(leaves, x)` for `x` (sample, ...) of any number of samples, for every
    platform where it can be lowered for all of them; `tails` are the shapes of one sample.

    Raises:
      ImportError: flatbuffers is missing, which JAX writes it with.
      TypeError: the function asks for the number of samples as a Python integer, or calls Python.
    """
    samples = jax.export.symbolic_shape("samples")
    x = jax.tree.map(lambda a: jax.ShapeDtypeStruct((*samples, *a.shape), a.dtype), tails)
    try:
        made = jax.export.export(jax.jit(function), platforms=("cpu", "cuda", "tpu"))(leaves, x)
    except NotImplementedError as error:  # some operation of the model has no meaning elsewhere
        if "callback" in str(error):
            raise TypeError(
                "save: the model calls back to Python, as models.of_file does, and no saved "
                "program can: save fits of the model of the array itself"
            ) from error
        made = jax.export.export(jax.jit(function))(leaves, x)
    except TypeError as error:
        if "_DimExpr" not in str(error):
            raise
        raise TypeError(
            "save: the model takes the number of samples for a Python integer, and it is saved for "
            "any number of them: write x.shape[0] in place of len(x), and -1 where it reshapes"
        ) from error
    return bytes(made.serialize())


def exported(program: bytes) -> Callable:
    """The function that `export` made the program of."""
    return jax.export.deserialize(bytearray(program)).call


# Loops run on the device, as CUDA graphs: XLA's own ask the host at each step whether to go on. And
# no product is tried by Triton's kernels, which takes most of the time to compile and gains nothing
# in our cases (benchmarks/RESULTS.md, "On a GPU").
_ON_GPUS = {
    "xla_gpu_enable_command_buffer": "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,WHILE,CONDITIONAL",
    "xla_gpu_graph_min_graph_size": 1,
    "xla_gpu_enable_triton_gemm": False,
}
_UNTRIED = _ON_GPUS | {"xla_gpu_autotune_level": 0}
# LLVM compiles a program in so many parts side by side; each costs something, and XLA makes 32.
_PARTS = {"xla_cpu_parallel_codegen_split_count": min(32, os.cpu_count() or 1)}
_EASY = _PARTS | {"xla_backend_optimization_level": 1}
_missing: set[str] = set()  # of the options, what this version of XLA does not know
_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "cpu": {
        "weigh": _PARTS | {"xla_backend_optimization_level": 0},  # its buffers are the same
        "once": _EASY | {"xla_cpu_use_fusion_emitters": False},
        "run": _EASY | {"xla_cpu_use_fusion_emitters": True},
    },
    "gpu": {"weigh": _UNTRIED, "once": _UNTRIED, "run": _ON_GPUS},
}


def compiler_options(platform: str, effort: str) -> dict[str, Any]:
    """How hard XLA is to try: for a program that is only weighed ("weigh"), that runs once for each
    fit or gains nothing by XLA's own kernels ("once"), or that runs all the time and gains ("run").
    On CPUs, LLVM's level 1 runs as fast as 3 in all our cases and compiles in 0.6 to 0.9 of the
    time; kernels by MLIR take twice as long to compile as LLVM's own path (benchmarks/RESULTS.md,
    "First runs"). On GPUs, kernels are tried against each other where they run all the time."""
    asked = _OPTIONS.get(platform, {}).get(effort, {})
    return {name: value for name, value in asked.items() if name not in _missing}


def with_options(compiled: Callable[[dict[str, Any]], T], platform: str, effort: str) -> T:
    """What is compiled with the options of `compiler_options`, less those that this version's
    compiler does not know."""
    options = compiler_options(platform, effort)
    while True:
        try:
            return compiled(options)
        except Exception as error:  # whatever it is that this version raises
            named = re.search(r"option:? '?(xla_\w+)", str(error))
            if named is None or named[1] not in options:
                raise
            _missing.add(named[1])
            options = {name: value for name, value in options.items() if name not in _missing}


class Once:
    """`jax.jit` for programs of which most calls are the first: compiled with the effort "once", as
    of the first call, when it is known for which platform. Inside another program, a part of it."""

    def __init__(self, function: Callable, static: Sequence[str] = ()):
        self._function, self._static = function, tuple(static)
        self._options: dict[str, Any] | None = None
        self._made: Any = None
        update_wrapper(self, function)

    def _program(self, options: dict[str, Any]) -> Any:
        if options != self._options:
            self._options = options
            self._made = jax.jit(
                self._function, static_argnames=self._static, compiler_options=options
            )
        return self._made

    @postponed()
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments)):
            return self._function(*arguments, **options)

        def run(asked: dict[str, Any]) -> Any:
            return self._program(asked)(*arguments, **options)

        return with_options(run, jax.default_backend(), "once")

    def _cache_size(self) -> int:
        """How many shapes it was compiled for, as `jax.jit` tells it."""
        return 0 if self._made is None else self._made._cache_size()

    def trace(self, *arguments: Any, **options: Any) -> Any:
        return jax.jit(self._function, static_argnames=self._static).trace(*arguments, **options)

    def lower(self, *arguments: Any, **options: Any) -> Any:
        return self.trace(*arguments, **options).lower()


def flops(compiled: Any) -> float:
    """Floating point operations of a compiled program, each loop's body counted once; 0 if the
    backend does not tell."""
    analysis = compiled.cost_analysis()
    return float((analysis or {}).get("flops", 0.0))


def taken_by(program: bytes) -> list[Any]:
    """The shapes of what a program of `export` takes, in order; the last is the samples."""
    return list(jax.export.deserialize(bytearray(program)).in_avals)
