"""Does the planner choose well? Seconds of our fits in other numbers of lanes."""

import statistics
import time
from typing import Any

import jax
import numpy as np
import optax

import jaxneuro as jn
from jaxneuro.engine.lanes import flatten_axes


def run(quick: bool) -> list[dict[str, Any]]:
    """A wide and a narrow network, a GLM and a small GLM: the choice against powers of two."""
    records = []
    for name, fit, inputs, axes in _problems(quick):
        chosen = jn.plan(fit, inputs, axes).lanes
        fits = int(np.prod([axis.size for axis in flatten_axes(axes)]))
        most = -(-fits // jax.local_device_count())
        others = (4,) if quick else (2, 8, 32, 128, 512)
        counts = sorted({chosen, *(c for c in others if c < 2 * most)})
        for lanes in counts:
            jn.fit_many(fit, inputs, axes, lanes=lanes)
        seconds: dict[int, list[float]] = {lanes: [] for lanes in counts}
        for _ in range(1 if quick else 3):
            for lanes in counts:
                begun = time.perf_counter()
                jn.fit_many(fit, inputs, axes, lanes=lanes)
                seconds[lanes].append(time.perf_counter() - begun)
        medians = {lanes: statistics.median(taken) for lanes, taken in seconds.items()}
        best = min(medians.values())
        for lanes in counts:
            records.append({
                "case": "lanes",
                "work": name,
                "implementation": f"{lanes} lanes" + (", as planned" if lanes == chosen else ""),
                "seconds": medians[lanes],
                "compile_seconds": 0.0,
                "ratio": medians[lanes] / medians[chosen],
                "fits": fits,
                "quality": medians[lanes] / best - 1,
                "quality_name": "slower than the best by",
            })  # fmt: skip
    return records


def _problems(quick: bool):
    rng = np.random.default_rng(0)
    scale = 0.1 if quick else 1.0

    def data(samples: int, features: int, targets: int):
        samples, targets = int(samples * scale), max(4, int(targets * scale))
        x = rng.normal(size=(samples, features))
        return jn.make_inputs(x, rng.poisson(1.0, (samples, targets)), hyper={"l2": 1e-3}), targets

    def network(hidden: int) -> jn.Fit:
        return jn.make_fit(
            jn.models.neuron_mlp(hidden),
            jn.losses.squared_error,
            lambda hyper: optax.sgd(0.01),
            stop=jn.Stop(max_steps=30, gradient=0, plateau=0),
        )

    problems = (
        ("neuron_mlp, 32→32→1, 256 neurons", network(32), (2000, 32, 256)),
        ("neuron_mlp, 256→128→1, 64 neurons", network(128), (2000, 256, 64)),
        ("poisson_glm, T=10 000, 200 neurons", _glm(), (10_000, 40, 200)),
        ("poisson_glm, T=500, 4 000 neurons", _glm(), (500, 20, 4000)),
    )
    for name, fit, sizes in problems[::3] if quick else problems:
        inputs, targets = data(*sizes)
        yield name, fit, inputs, [jn.axes.targets(targets)]


def _glm() -> jn.Fit:
    return jn.make_fit(
        jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(), jn.penalties.ridge()
    )
