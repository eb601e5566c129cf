"""Population receptive fields of all voxels at once, each from many starts.

    y[t] = baseline + gain · Σ_s hrf[s] Σ_p x[t - s, p] exp(-|position[p] - (x0, y0)|² / 2 size²)

(Dumoulin & Wandell 2008, NeuroImage 39:647.) The response to blood flow is linear, so `x` is
convolved with it once, for all fits. Gain and baseline are linear too: the loss solves for them in
closed form (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10:413), and descent is in three parameters.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import ArrayLike

from jaxneuro import axes, optimizers
from jaxneuro.axes.parts import as_given
from jaxneuro.encoding import field_arrays
from jaxneuro.encoding.field_result import ReceptiveFields
from jaxneuro.encoding.field_starts import MOST, first_places
from jaxneuro.engine import fit_many
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.inputs import make_key
from jaxneuro.losses import Loss, squared_error
from jaxneuro.models.receptive_field import Screen, receptive_field
from jaxneuro.sizes import grown
from jaxneuro.types import Array, Axis, Closed, Inputs

STOP = Stop(max_steps=60, gradient=1e-3, plateau=6, least_fall=1e-6)
"""About a thousandth of a size from the optimum, far below what noise leaves uncertain."""

_CACHED = 2**18  # numbers of a field in each lane: a core's cache holds a few such arrays
_NOTHING = 1e-6  # of its squares: a response that varies by less is rounding


def fit_receptive_fields(
    x: ArrayLike,
    y: ArrayLike,
    positions: ArrayLike,
    hrf: ArrayLike,
    *,
    starts: int = 10,
    sizes: tuple[float, float] | None = None,
    held_out: ArrayLike | None = None,
    trials: ArrayLike | None = None,
    stop: Stop = STOP,
    **options: Any,
) -> ReceptiveFields:
    """Fits a Gaussian receptive field to every voxel, by L-BFGS from the best of a coarse grid.

    A voxel that is constant, missing or infinite says so in its status or warning, and changes no
    other. Gains may be negative. The field of a voxel without signal means nothing: look at `r2`,
    which is of the frames that were fitted, or better at `held_out_r2`.

    Args:
      x: (time, pixel) aperture: how much of each pixel is stimulated in each frame, any unit.
      y: (time, voxel) responses, raw or in percent; NaN = missing.
      positions: (pixel, 2) of the pixels, right and up, in degrees or any other unit.
      hrf: (lag,) haemodynamic response sampled at the frames, from lag 0 on.
      starts: fits of each voxel; the best is kept.
      sizes: least and most of a field, in the unit of `positions`. None: from half the distance of
        neighbouring pixels to twice the larger half-width of the screen.
      held_out: (time,) bool, frames that are not fitted, scored by `held_out_r2`.
      trials: (time,) labels of runs; no response reaches over their edges. None: one run.
      stop: when a fit ends.
      options: handed to `fit_many`: lanes, devices, out, progress, ...

    Raises:
      ValueError: names the field that has another shape, values that are not finite, an `hrf`
        longer than the recording, or an `x` that cannot tell places apart.
    """
    begun = time.perf_counter()
    given = field_arrays.check(x, y, positions, hrf, held_out, sizes)
    if not isinstance(starts, int | np.integer) or not 1 <= starts <= MOST:
        raise ValueError(f"starts is {starts!r}: it must be a whole number from 1 to {MOST}")
    drive = field_arrays.convolved(given.x, given.hrf, trials)
    scaled = field_arrays.centred(drive, given.fitted)
    lit = scaled[given.fitted].any(axis=0)  # other pixels tell nothing
    screen = Screen(given.positions[lit].astype(np.float32), *given.sizes)
    z = field_arrays.standardised(given.y, given.fitted)
    samples = field_arrays.condensed(scaled[:, lit], z, given.fitted)
    places = first_places(screen, samples, int(starts))
    loss = _LEVEL if samples.level else _UP_TO_GAIN
    fit = _begun(make_fit(receptive_field(screen), loss, optimizers.lbfgs(), stop=stop))
    nowhere = np.zeros_like(samples.weight)
    inputs = Inputs(*jax.device_put((*samples[:3], nowhere, nowhere)), hyper={}, key=make_key(0))
    every = [_voxels(places), Axis("start", int(starts), _take_start, pad=as_given)]
    options = {"lanes": _lanes(int(lit.sum()), places.shape[0] * int(starts)), **options}
    fits = fit_many(fit, inputs, every, **options)
    return ReceptiveFields.of(fits, screen, places, given, drive, begun)


def _error(level: bool, shape: Array, y: Array) -> Array:
    """½(gain · shape + baseline - y)², gain and (with `level`) baseline by least squares.

    Both arrays are 0 in samples that are not fitted; in the others `y` has mean 0 and, with
    `level`, deviation 1, so that Σ y² counts them. The derivatives by gain and baseline vanish at
    the least squares, so these may be held constant.
    """
    squares, mean = jnp.square(shape).sum(), jnp.zeros((), shape.dtype)
    spread = squares
    if level:
        count = jnp.maximum(jnp.square(y).sum(), 1)
        mean = shape.sum() / count
        spread = squares - count * jnp.square(mean)
    varies = spread > _NOTHING * squares
    gain = jnp.where(varies, jnp.dot(shape, y) / jnp.where(varies, spread, 1), 0)
    gain, baseline = jax.lax.stop_gradient((gain, -gain * mean))
    return 0.5 * jnp.square(gain * shape + baseline - y)


def _loss(level: bool) -> Loss:
    return squared_error._replace(
        elementwise=Closed(_error, (level,)), constant=None, curvature=None, equivariant=False
    )


_UP_TO_GAIN, _LEVEL = _loss(False), _loss(True)


def _lanes(pixels: int, fits: int) -> int | str:
    """Fits side by side on each device. On CPUs the planner counts on fusion, takes a lane for
    smaller than it is (at 1 257 pixels for 8 kB of 43), and its 1 024 lanes are half as slow again
    as these."""
    if jax.default_backend() != "cpu":
        return "auto"
    share = -(-fits // jax.local_device_count())
    return min(1 << (share - 1).bit_length(), max(32, min(_CACHED // pixels, 256)))


def _begun(fit: Fit) -> Fit:
    """The same fit, begun where `hyper["place"]` says."""
    return fit._replace(init=Closed(_begin, (fit.init,)))


def _begin(init: Any, inputs: Inputs) -> Any:
    params = {"place": inputs.hyper["place"]}
    return init(inputs)._replace(params=params, kept=params)


def _voxels(places: np.ndarray) -> Axis:
    """`axes.targets`, each with its own `places` (voxel, start, 3) to start from."""
    columns = axes.targets(len(places), name="voxel")
    select = Partial(_take_voxel, columns.select, jax.device_put(places))
    return columns._replace(select=select, pad=_pad_voxels)


def _take_voxel(columns: Any, places: Array, inputs: Inputs, index: Array) -> Inputs:
    inputs = columns(inputs, index)
    return inputs._replace(hyper={**inputs.hyper, "place": places[index]})


def _take_start(inputs: Inputs, index: Array) -> Inputs:
    return inputs._replace(hyper={**inputs.hyper, "place": inputs.hyper["place"][index]})


def _pad_voxels(axis: Axis, inputs: Inputs, samples: int) -> tuple[Axis, Inputs]:
    columns, places = axis.select.args  # pyright: ignore
    plain = axes.targets(axis.size, name=axis.name)
    plain, inputs = plain.pad(plain._replace(select=columns), inputs, samples)  # pyright: ignore
    places = grown(places, inputs.y.shape[-1], 0)
    return axis._replace(select=Partial(_take_voxel, plain.select, places)), inputs
