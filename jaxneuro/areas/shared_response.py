"""The shared response model: subjects of any number of voxels, and the few features they share."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.areas.alignment import Aligned, Subjects, by_name, centred, rotation
from jaxneuro.precision import in_full
from jaxneuro.sizes import bucket
from jaxneuro.types import Array

_LEAST = 1e-6  # of a subject's variance: noise that float32 can still tell from none
_POWERS = 10  # of the start: products with all subjects' data


@dataclass(frozen=True, eq=False, repr=False)
class SharedResponse(Aligned):
    """Of `shared_response`.

    Attributes:
      noise: by subject, variance of a voxel that is not shared.
      covariance: (feature, feature) of the shared response.
      log_likelihood: (iteration + 1,) nats for each value of the data, at the start and after each
        step: it never falls, but for rounding.
    """

    noise: dict[Hashable, float]
    covariance: NDArray[np.float32]
    log_likelihood: NDArray[np.float64]

    def add(self, x: ArrayLike, subject: Hashable) -> Self:
        """As `Aligned.add`, with its noise."""
        made = super().add(x, subject)
        values = centred({subject: x}, self.train).values[subject]
        left = values - self.shared @ made.bases[subject].T
        return replace(made, noise={**self.noise, subject: float(np.square(left).mean())})


def shared_response(
    subjects: Subjects, features: int, train: ArrayLike | None = None, iterations: int = 20
) -> SharedResponse:
    """The probabilistic shared response model (Chen et al. 2015, NeurIPS 28, section 3):
    x_i(t) ~ N(W_i s(t) + μ_i, ρ_i² I) with W_iᵀ W_i = I and s(t) ~ N(0, Σ), by the closed-form
    steps of expectation and maximisation.

    The likelihood has many maxima. The start is the common time courses of all subjects, their
    principal components over time, so that the result does not change with the order of voxels or
    any rotation of a subject's data.

    Args:
      subjects: (time, voxel) of each, by name or in order (then named 0, 1, ...), of the same
        stimulus and any number of voxels, at least `features`; z-scored within runs as a rule.
      features: of the shared response; choose it on inner folds.
      train: (time,) bool, the samples fitted: the runs that a fold trains on. None: all. The others
        are never looked at.
      iterations: of the steps.

    Raises:
      ValueError: fewer than two subjects, shapes, values that are not finite, or too few voxels or
        samples for so many features, by subject.
    """
    given = by_name(subjects)
    if len(given) < 2:
        raise ValueError(f"subjects: at least 2 are needed, got {len(given)}")
    if features < 1 or iterations < 1:
        raise ValueError(f"features = {features}, iterations = {iterations}: both at least 1")
    one = centred(given, train, features)
    names, sizes = list(one.values), [x.shape[1] for x in one.values.values()]
    samples = int(one.train.sum())
    x = np.zeros((len(names), bucket(samples), bucket(max(sizes))), np.float32)
    for row, values in zip(x, one.values.values(), strict=True):
        row[:samples, : values.shape[1]] = values
    unit = float(np.sqrt(np.square(x, dtype=np.float64).sum() / (samples * sum(sizes))))
    data = _Data(*map(jnp.float32, (x / unit, sizes, samples)))
    state, told = _fitted(data, features=features, iterations=iterations)
    bases = {
        name: base[:size]
        for name, base, size in zip(names, np.asarray(state.bases), sizes, strict=True)
    }
    _check_bases(bases, features)
    noise = np.asarray(state.noise, np.float64) * unit**2
    return SharedResponse(
        bases, one.means, np.asarray(state.shared)[:samples] * np.float32(unit), one.train,
        dict(zip(names, noise.tolist(), strict=True)),
        np.asarray(state.covariance) * np.float32(unit**2),
        np.asarray(told, np.float64) - np.log(unit),
    )  # fmt: skip


class _Data(NamedTuple):
    """Padded by zeros: x (subject, time, voxel), voxels (subject,) and samples () that are real."""

    x: Array
    voxels: Array
    samples: Array


class _State(NamedTuple):
    bases: Array  # (subject, voxel, feature)
    noise: Array  # (subject,)
    covariance: Array  # (feature, feature)
    shared: Array  # (time, feature) its expectation


@partial(jax.jit, static_argnames=("features", "iterations"))
@in_full
def _fitted(data: _Data, *, features: int, iterations: int) -> tuple[_State, Array]:
    def step(state: _State, _: Any) -> tuple[_State, Array]:
        mean, spread, told = _expected(data, state)
        return _maximised(data, mean, spread), told

    state, told = jax.lax.scan(step, _start(data, features), None, iterations)
    shared, _, last = _expected(data, state)
    return state._replace(shared=shared), jnp.append(told, last)


def _start(data: _Data, features: int) -> _State:
    """Of the time courses that all subjects' data have the most of, by powers of Σ x_i x_iᵀ."""
    x, power = data.x, jnp.square(data.x).sum((1, 2))

    def again(_: Any, courses: Array) -> Array:
        weights = jnp.einsum("stv,tk->svk", x, courses) / power[:, None, None]
        return jnp.linalg.qr(jnp.einsum("stv,svk->tk", x, weights))[0]

    first = jax.random.normal(jax.random.key(0), (x.shape[1], features))
    courses = jax.lax.fori_loop(0, _POWERS, again, first)
    bases = rotation(jnp.einsum("stv,tk->svk", x, courses))
    mean = jnp.einsum("stv,svk->tk", x, bases) / len(x)
    return _maximised(data, mean, jnp.zeros((features, features), x.dtype))


def _expected(data: _Data, state: _State) -> tuple[Array, Array, Array]:
    """Of the shared response: expectation (time, feature) and covariance (feature, feature) of each
    sample; and the log-likelihood for each value of the data."""
    x, voxels, samples = data
    eye = jnp.eye(len(state.covariance), dtype=x.dtype)
    inner = eye + (1 / state.noise).sum() * state.covariance  # W'Ψ⁻¹W = Σ 1/ρ² · I
    spread = jnp.linalg.solve(inner, state.covariance)
    spread = (spread + spread.T) / 2
    seen = jnp.einsum("stv,svk,s->tk", x, state.bases, 1 / state.noise)
    mean = seen @ spread
    values = samples * voxels.sum()
    distance = (jnp.square(x).sum((1, 2)) / state.noise).sum() - (seen * mean).sum()
    volume = (voxels * jnp.log(state.noise)).sum() + jnp.linalg.slogdet(inner)[1]
    told = -0.5 * (jnp.log(2 * jnp.pi) + samples * volume / values + distance / values)
    return mean, spread, told


def _maximised(data: _Data, mean: Array, spread: Array) -> _State:
    x, voxels, samples = data
    second = mean.T @ mean + samples * spread
    product = jnp.einsum("stv,tk->svk", x, mean)
    bases = rotation(product)
    power = jnp.square(x).sum((1, 2))
    left = power - 2 * (product * bases).sum((1, 2)) + jnp.trace(second)
    noise = jnp.maximum(left, _LEAST * power) / (samples * voxels)
    return _State(bases, noise, second / samples, mean)


def _check_bases(bases: dict[Hashable, NDArray[np.float32]], features: int) -> None:
    for name, base in bases.items():
        if not np.allclose(base.T @ base, np.eye(features), atol=1e-3):
            raise ValueError(
                f"subject {name!r}: its voxels do not have {features} dimensions in common with "
                "the others; ask for fewer features"
            )
