"""Searches whose candidates are halved: steps, seconds, and how often the choice is the same.

`python -m benchmarks halving`, once (version 0.14):

| | fewer steps | same choice | seconds, of all | held-out bits per spike, of all |
|---|---|---|---|---|
| 120 Poisson lassos, 16 penalties, 3 folds | 3.09 times | 95.8 % | .76 | .2783, .2790 |
| 32 Poisson MLPs, 16 penalties, 3 folds | 8.57 times | 100 % | .28 | .2486, .2486 |

The first rungs, 14 and 20 steps, were settled on these recordings. What falls short: 150 ridge GLMs
by L-BFGS, which end after 29 steps on average, took 2.83 times fewer with 86.7 % of the choices (8
steps), and MLPs by Adam of 300 steps each, among four learning rates, had 28 % of them (20 steps):
without early stopping the fast ones are ahead first and overfit later.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

import jaxneuro as jn
from jaxneuro.selection import EdgeOfGrid, Halving, Search, search


class _Work(NamedTuple):
    name: str
    fit: jn.Fit
    inputs: jn.Inputs
    splits: jn.splits.NestedSplits
    grid: tuple[jn.Axis, ...]
    halving: Halving


def run(quick: bool) -> list[dict[str, Any]]:
    """Each neuron's best of 16 penalties on 3 inner folds, all run to their ends and halved."""
    records = []
    for work in (_glms(quick), _mlps(quick)):
        records += _records(work, _searched(work, None), _searched(work, work.halving))
    return records


def _glms(quick: bool) -> _Work:
    """Poisson lassos by proximal steps, 40 correlated features, 16 penalties."""
    x, y = _recording(*(600, 6) if quick else (2000, 120))
    fit = jn.make_fit(
        jn.models.linear(), jn.losses.poisson, jn.optimizers.proximal(), jn.penalties.lasso("l1"),
        scores={"bits_per_spike": jn.metrics.bits_per_spike}, standardise=True, relative=True,
    )  # fmt: skip
    grid = jn.axes.grid(l1=np.logspace(-5, -0.5, 16).tolist())
    return _Work("Poisson lassos", fit, jn.make_inputs(x, y), _splits(len(x)), grid, Halving(14))


def _mlps(quick: bool) -> _Work:
    """The Poisson MLPs of `jaxneuro.encoding`, by L-BFGS, 16 penalties."""
    x, y = _recording(*(300, 2) if quick else (1000, 32))
    scores = {"bits_per_spike": jn.metrics.bits_per_spike}
    fit = jn.encoding.poisson_mlp((12,), 60 if quick else 300, scores)
    grid = jn.axes.grid(l2=np.logspace(-5, 1, 16).tolist())
    return _Work("Poisson MLPs", fit, jn.make_inputs(x, y), _splits(len(x)), grid, Halving(20))


def _recording(samples: int, neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten lags of four slow signals, and counts by smooth filters, from weak to strong."""
    rng = np.random.default_rng(0)
    slow = np.exp(-np.arange(10) / 3)
    signals = rng.normal(size=(samples + 10, 4))
    signals = np.stack([np.convolve(s, slow, "same") for s in signals.T], axis=1)
    x = np.concatenate([signals[10 - lag : samples + 10 - lag] for lag in range(10)], axis=1)
    centres, gains = rng.uniform(0, 9, (4, 1, neurons)), rng.normal(size=(4, 1, neurons))
    filters = gains * np.exp(-(((np.arange(10)[:, None] - centres) / 1.5) ** 2))
    drive = np.einsum("tlc,cln->tn", x.reshape(samples, 10, 4), filters)
    drive *= rng.uniform(0.2, 1.0, neurons) / drive.std(axis=0)
    y = rng.poisson(np.exp(drive + rng.uniform(-2, 0.5, neurons)))
    return x.astype(np.float32), y.astype(np.float32)


def _splits(samples: int) -> jn.splits.NestedSplits:
    outer = jn.splits.holdout(np.arange(samples) >= samples * 3 // 4)
    return jn.splits.nested(outer, lambda train: jn.splits.blocks(len(train), 3))


def _searched(work: _Work, halving: Halving | None) -> Search:
    neurons = [jn.axes.targets(work.inputs.y.shape[1])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgeOfGrid)
        return search(work.fit, work.inputs, neurons, work.splits, work.grid, halving=halving)


def _records(work: _Work, whole: Search, halved: Search) -> list[dict[str, Any]]:
    names = "all to their ends", f"halved after {work.halving.first} steps"
    best, steps = _choice(whole), [int(_inner(found).steps.sum()) for found in (whole, halved)]
    return [
        {
            "case": "halving",
            "work": f"{work.name}: {len(best)} neurons, 16 penalties, 3 folds",
            "implementation": f"{work.name}, {name}",
            "seconds": found.run_seconds,
            "compile_seconds": found.compile_seconds,
            "ratio": found.run_seconds / whole.run_seconds,
            "fits": found.total,
            "fits_per_second": found.total / found.run_seconds,
            "steps": taken,
            "times_fewer_steps": steps[0] / taken,
            "held_out": float(np.nanmean(found.fits.scores["bits_per_spike"])),
            "quality": float((_choice(found) == best).mean()),
            "quality_name": f"choices as of all, {steps[0] / taken:.3g} times fewer steps",
        }
        for name, found, taken in zip(names, (whole, halved), steps, strict=True)
    ]


def _choice(found: Search) -> np.ndarray:
    assert found.selection is not None
    return found.selection.chosen[..., 0, 0]


def _inner(found: Search) -> jn.Fits:
    assert found.inner is not None
    return found.inner
