"""Where a gradient of `region_cnn` spends its time, by `python -m benchmarks.region_cnn_parts`.

Each part is run alone, of one subject and on the cores that the process may use (`taskset -c 0`:
one), beside the whole gradient and beside the best large matrix product there, which is the peak.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxneuro as jn
from jaxneuro.models.convolution import convolve
from jaxneuro.models.image_layers import SAME_3X3, max_pool_2x2

_IMAGES, _SIZE = 64, 28


def _parts() -> dict[str, tuple[Callable, tuple, float]]:
    """Of each part: the function, what it takes, and its billions of operations."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    def pull(function: Callable, which: int) -> Callable:
        """The gradient of one argument, of the gradient of the output."""
        return lambda out, *given: jax.vjp(function, *given)[1](out)[which]

    def conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(x, kernel, SAME_3X3)

    def between(x: jax.Array) -> jax.Array:
        return max_pool_2x2(jax.nn.relu(x))

    half, quarter = _SIZE // 2, _SIZE // 4
    first = array(_IMAGES, _SIZE, _SIZE, 1), array(3, 3, 1, 32)
    second = array(_IMAGES, half, half, 32), array(3, 3, 32, 64)
    dense = array(_IMAGES, quarter * quarter * 64), array(quarter * quarter * 64, 128)
    maps, fewer = array(_IMAGES, _SIZE, _SIZE, 32), array(_IMAGES, half, half, 64)
    small, hidden = array(_IMAGES, quarter, quarter, 64), array(_IMAGES, 128)
    of_first = 2e-9 * _IMAGES * _SIZE**2 * 9 * 32
    of_second = 2e-9 * _IMAGES * half**2 * 9 * 32 * 64
    of_dense = 2e-9 * _IMAGES * quarter**2 * 64 * 128
    return {
        "first convolution": (conv, first, of_first),
        "its kernel's gradient": (pull(conv, 1), (maps, *first), of_first),
        "first ReLU and pool": (between, (maps,), 0),
        "their gradient": (pull(between, 0), (second[0], maps), 0),
        "second convolution": (conv, second, of_second),
        "its kernel's gradient ": (pull(conv, 1), (fewer, *second), of_second),
        "its image's gradient": (pull(conv, 0), (fewer, *second), of_second),
        "second ReLU and pool": (between, (fewer,), 0),
        "their gradient ": (pull(between, 0), (small, fewer), 0),
        "dense layer, both its gradients": (
            lambda out, x, kernel: (x @ kernel, out @ kernel.T, x.T @ out),
            (hidden, *dense),
            3 * of_dense,
        ),
        "the whole gradient": (*_whole(first[0]), of_first * 2 + 3 * (of_second + of_dense)),
        "a matrix product of 2048 × 2048": (
            jnp.matmul, (array(2048, 2048), array(2048, 2048)), 2e-9 * 2048**3
        ),
    }  # fmt: skip


def _whole(x: jax.Array) -> tuple[Callable, tuple]:
    model, y = jn.models.region_cnn(10), jnp.arange(_IMAGES) % 10
    params = model.init(jax.random.key(0), x[:1])

    def loss(params: Any) -> jax.Array:
        return jn.losses.cross_entropy(model.apply(params, x), y).mean()

    return jax.grad(loss), (params,)


def main() -> None:
    """Prints a table: milliseconds, and the part of the peak."""
    parts = {name: (jax.jit(f), given, work) for name, (f, given, work) in _parts().items()}
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for again in range(31):
        for name, (function, given, _) in parts.items():
            begun = time.perf_counter()
            jax.block_until_ready(function(*given))
            if again:
                seconds[name].append(time.perf_counter() - begun)
    each = {name: statistics.median(of_part) for name, of_part in seconds.items()}
    peak = max(work / each[name] for name, (_, _, work) in parts.items() if "product" in name)
    print("| part | ms | of peak |\n|---|---|---|")
    for name, (_, _, work) in parts.items():
        share = f"{work / each[name] / peak:.0%}" if work else ""
        print(f"| {name.strip()} | {each[name] * 1e3:.2f} | {share} |")


if __name__ == "__main__":
    main()
