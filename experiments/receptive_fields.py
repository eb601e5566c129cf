"""A simulated V1 population: are the true receptive fields found, and how long must one record?"""

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from experiments.runs import Part
from experiments.sure import interval_of_median
from jaxneuro import Axis, axes, data, encoding, fit_many, make_inputs
from jaxneuro.report import Figure, Table, figures


def _first(lengths, inputs, index):
    """An axis of our own: only the first so many samples are fitted."""
    recorded = jnp.arange(inputs.weight.shape[0]) < lengths[index]
    return inputs._replace(weight=inputs.weight * recorded)


def run(seed: int, quick: bool) -> Part:
    """Fits every neuron at several recording lengths and penalties, all at once."""
    neurons = 20 if quick else 1000
    lengths = (500, 1000) if quick else (1000, 2000, 4000, 8000)
    judged = lengths[-1] // 8  # frames after the longest recording, which choose the penalty
    truth = data.v1_population(neurons, lengths[-1] + judged, seed=seed)
    inputs = make_inputs(
        truth.images, truth.counts, held_out=np.arange(len(truth.counts)) >= lengths[-1], key=seed
    )
    recording = Axis("frames", len(lengths), Partial(_first, jnp.asarray(lengths)), lengths)
    fits = fit_many(
        encoding.poisson_glm(),
        inputs,
        [axes.targets(neurons, name="neuron"), recording, axes.grid(l2=[1e-2, 1e-1])],
        progress=False,
    )
    choice = fits.select(["l2"], "bits_per_spike").chosen[..., 0]
    kernels = fits.params["readout"]["kernel"][..., 0]  # (neuron, frames, l2, pixel)
    found = np.take_along_axis(kernels, choice[..., None, None], axis=2)[:, :, 0]
    true = truth.receptive_fields.reshape(neurons, 1, -1)
    r = _correlation(found, true)

    part = Part()
    part.add("V1 simulation", fits)
    rate = len(fits) / fits.run_seconds
    rows = [
        (f"{n}", np.median(r[:, i]), np.percentile(r[:, i], 10), (r[:, i] > 0.9).mean())
        for i, n in enumerate(lengths)
    ]
    part.tables.append(Table(f"Simulated V1: receptive fields of {neurons} neurons",
        ("frames", "median correlation with the truth", "10th percentile", "share above .9"), rows,
        f"{len(fits)} fits of {truth.images[0].size} pixels, {rate:.0f} fits per second after "
        f"{fits.compile_seconds:.1f} s of compilation."))  # fmt: skip
    part.figures.append(Figure("receptive_field_recovery",
        "Median correlation of recovered and true receptive fields against the recording's "
        "length; dashed: .9.",
        figures.curve(lengths, {"median": np.median(r, axis=0),
            "10th percentile": np.percentile(r, 10, axis=0)}, "frames recorded",
            "correlation with the truth", logx=True, floor=0.9)))  # fmt: skip
    shown = range(min(6, neurons))
    size = truth.receptive_fields.shape[1:]
    pictures = [truth.receptive_fields[i] for i in shown]
    pictures += [found[i, -1].reshape(size) for i in shown]
    titles = ["true"] * len(shown) + [f"r = {r[i, -1]:.2f}" for i in shown]
    part.figures.append(Figure("receptive_fields",
        f"True receptive fields (above) and those found from {lengths[-1]} frames (below); each on "
        "its own scale.", figures.images(pictures, titles, len(shown))))  # fmt: skip
    part.results["receptive_field_correlation"] = float(np.median(r[:, -1]))
    part.results["interval"] = interval_of_median(r[:, -1], seed)
    part.results["v1_fits_per_second"] = rate
    part.notes.append(
        "The simulated population is linear-nonlinear-Poisson, the model that is fitted: real "
        "neurons are not, and no correlation with a truth can be had of them.")  # fmt: skip
    return part


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
