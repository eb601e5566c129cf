"""Brains in one space: rotations that bring each subject's voxels to what all have in common."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.precision import in_full
from jaxneuro.sizes import bucket, grown
from jaxneuro.types import Array

Subjects = Mapping[Any, ArrayLike] | Sequence[ArrayLike]
Floats = NDArray[np.float32]


def procrustes(x: ArrayLike, target: ArrayLike) -> Floats:
    """The rotation R (voxel, feature) with orthonormal columns for which x · R is nearest to the
    target in the sum of squares, U Vᵀ of xᵀ · target = U S Vᵀ (Schönemann 1966, Psychometrika
    31:1). Neither is centred or scaled.

    Args:
      x: (time, voxel), at least as many voxels as the target has features.
      target: (time, feature).

    Raises:
      ValueError: other shapes, or values that are not finite.
    """
    x, target = _numbers("x", x), _numbers("target", target)
    if len(x) != len(target) or x.shape[1] < target.shape[1]:
        raise ValueError(
            f"x {x.shape} and target {target.shape} must be (time, voxel) and (time, feature) of "
            "the same time, with no fewer voxels than features"
        )
    return np.asarray(rotation(jnp.asarray(x.T @ target, jnp.float32)), np.float32)


@dataclass(frozen=True, eq=False, repr=False)
class Aligned:
    """Of `hyperalign`: what subjects share, and each one's way there and back.

    Attributes:
      bases: by subject (voxel, feature), orthonormal columns.
      means: by subject (voxel,) of its training samples.
      shared: (training sample, feature) what the subjects have in common.
      train: (time,) bool: which samples were fitted.
    """

    bases: dict[Hashable, Floats]
    means: dict[Hashable, Floats]
    shared: Floats
    train: NDArray[np.bool_]

    def __repr__(self) -> str:
        return (
            f"<{len(self.bases)} subjects in {self.shared.shape[1]} shared features, fitted on "
            f"{int(self.train.sum())} of {len(self.train)} samples>"
        )

    def transform(self, x: ArrayLike, subject: Hashable) -> Floats:
        """(time, feature) in the shared space, of any samples (time, voxel) of a subject.

        Raises:
          ValueError: an unknown subject, or other than its voxels.
        """
        base = self._base(subject)
        x = _of_columns("x", x, len(base), f"voxels of subject {subject!r}")
        return np.asarray((x - self.means[subject]) @ base, np.float32)

    def inverse(self, shared: ArrayLike, subject: Hashable) -> Floats:
        """(time, voxel) of a subject, of (time, feature) in the shared space.

        Raises:
          ValueError: an unknown subject, or other than the shared features.
        """
        base = self._base(subject)
        return (
            _of_columns("shared", shared, base.shape[1], "features") @ base.T + self.means[subject]
        )

    def add(self, x: ArrayLike, subject: Hashable) -> Self:
        """The same space with one more subject, rotated to it by the training samples; the others
        stay as they are.

        Args:
          x: (time, voxel) of the same samples as the subjects that were fitted.
          subject: its name, a new one.

        Raises:
          ValueError: a known subject, other samples, or fewer voxels than features.
        """
        if subject in self.bases:
            raise ValueError(f"subject {subject!r} is there already")
        one = centred({subject: x}, self.train, features=self.shared.shape[1])
        base = procrustes(one.values[subject], self.shared)
        return replace(self, bases={**self.bases, subject: base}, means={**self.means, **one.means})

    def _base(self, subject: Hashable) -> Floats:
        if subject not in self.bases:
            raise ValueError(f"subject is {subject!r}: one of {list(self.bases)}")
        return self.bases[subject]


def hyperalign(subjects: Subjects, train: ArrayLike | None = None, passes: int = 10) -> Aligned:
    """Hyperalignment (Haxby et al. 2011, Neuron 72:404): rotations of all subjects' voxels to
    their common mean, generalised Procrustes (Gower 1975, Psychometrika 40:33).

    The first pass brings each subject in turn to the mean of those before it. Every later one
    brings each in turn to the mean of all others as they are then, which never raises the sum of
    squared distances (Ten Berge 1977, Psychometrika 42:267). The space is that of the first
    subject, up to this rotation.

    Args:
      subjects: (time, voxel) of each, by name or in order (then named 0, 1, ...), of the same
        stimulus and as many voxels; scaled as they are to count, z-scored within runs as a rule.
        Of unequal numbers of voxels, see `shared_response`.
      train: (time,) bool, the samples fitted: the runs that a fold trains on. None: all. The others
        are never looked at.
      passes: after the first.

    Raises:
      ValueError: fewer than two subjects, shapes, values that are not finite, by subject.
    """
    given = by_name(subjects)
    if len(given) < 2:
        raise ValueError(f"subjects: at least 2 are needed, got {len(given)}")
    one = centred(given, train)
    sizes = {name: x.shape[1] for name, x in one.values.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"subjects have {sizes} voxels: hyperalign takes equal numbers, shared_response any"
        )
    x = np.stack(list(one.values.values()))
    bases, shared = _hyperaligned(grown(x, bucket(x.shape[1]), 1, zeros=True), passes)
    return Aligned(
        dict(zip(one.values, np.asarray(bases), strict=True)),
        one.means, np.asarray(shared)[: x.shape[1]], one.train,
    )  # fmt: skip


class Centred(NamedTuple):
    """Subjects' training samples about their means, what these means are, and which they are."""

    values: dict[Hashable, Floats]
    means: dict[Hashable, Floats]
    train: NDArray[np.bool_]


def by_name(subjects: Subjects) -> dict[Hashable, ArrayLike]:
    return dict(subjects) if isinstance(subjects, Mapping) else dict(enumerate(subjects))


def centred(given: Mapping[Any, ArrayLike], train: ArrayLike | None, features: int = 1) -> Centred:
    """The training samples of each subject (sample, voxel), checked and centred in float64."""
    samples = len(np.asarray(next(iter(given.values())))) if train is None else np.size(train)
    mask = np.ones(samples, bool) if train is None else np.asarray(train)
    if mask.dtype != bool or mask.ndim != 1 or mask.sum() < 2:
        raise ValueError(
            f"train must be bool (time,) with 2 samples, got {mask.dtype} {mask.shape}"
        )
    values, means = {}, {}
    for name, x in given.items():
        array = np.asarray(x)
        if array.ndim != 2 or len(array) != samples:
            raise ValueError(
                f"subject {name!r} is {array.shape}: it must be (time, voxel), of {samples} samples"
            )
        array = _numbers(f"subject {name!r}", array[mask])
        mean = array.mean(axis=0)
        array = array - mean
        varying = int((np.square(array).sum(axis=0) > 0).sum())
        if min(varying, len(array) - 1) < features:
            raise ValueError(
                f"subject {name!r}: {features} features need as many voxels that vary and one "
                f"training sample more; it has {varying} and {len(array)}"
            )
        values[name], means[name] = array.astype(np.float32), mean.astype(np.float32)
    return Centred(values, means, mask)


@in_full
def rotation(product: Array) -> Array:
    """The nearest with orthonormal columns."""
    u, _, v = jnp.linalg.svd(product, full_matrices=False)
    return u @ v


@jax.jit
@in_full
def _hyperaligned(x: Array, passes: int) -> tuple[Array, Array]:
    """Bases (subject, voxel, voxel) and the mean of the rotated (time, voxel)."""
    subjects, _, voxels = x.shape

    def join(state: tuple[Array, Array], i: Array) -> tuple[tuple[Array, Array], None]:
        """Subject i to all others that have been rotated."""
        bases, total = state
        rest = total - x[i] @ bases[i]
        base = rotation(x[i].T @ rest)
        return (bases.at[i].set(base), rest + x[i] @ base), None

    def again(_: Any, state: tuple[Array, Array]) -> tuple[Array, Array]:
        total = jnp.einsum("stv,svk->tk", x, state[0])  # anew: rounding does not add up
        return jax.lax.scan(join, (state[0], total), jnp.arange(subjects))[0]

    bases = jnp.zeros((subjects, voxels, voxels), x.dtype).at[0].set(jnp.eye(voxels))
    state = jax.lax.scan(join, (bases, x[0]), jnp.arange(1, subjects))[0]
    bases, total = jax.lax.fori_loop(0, passes, again, state)
    return bases, total / subjects


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(f"{name} is {array.dtype} {array.shape}: it must be numbers of two axes")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} has values that are not finite, the first at {at}")
    return array


def _of_columns(name: str, values: ArrayLike, columns: int, what: str) -> Floats:
    array = np.asarray(values, np.float32)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"{name} is {array.shape}: it must be (time, {columns} {what})")
    return array
