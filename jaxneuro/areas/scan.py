"""The programs behind a searchlight: spheres × folds × permutations over one shared `x`."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxneuro.areas.cells import Cells
from jaxneuro.areas.local import Sphere, Sums, winner
from jaxneuro.classify.scaling import gain
from jaxneuro.precision import in_full
from jaxneuro.types import Array


class Voxels(NamedTuple):
    """All voxels, the last one of zeros, which fills up small spheres; each scaled by mean and
    deviation of a fold's training samples, as every sphere of that fold needs it.

    Attributes:
      inside: (cell, voxel, place) deviations from the mean of the sample's own cell.
      between: (fold, voxel, cell) that mean, less the fold's.
      gain: (fold, voxel) one over the fold's deviation; 0 of a voxel that does not vary.
      tested: (fold, voxel, place) scaled held-out samples.
    """

    inside: Array
    between: Array
    gain: Array
    tested: Array


@jax.jit
@in_full
def voxels(x: Array, cells: Cells) -> Voxels:
    """Of `x` (voxel, sample)."""
    counts = cells.inside.sum(axis=1)
    there = cells.inside[:, None] > 0
    parts = jnp.where(there, jnp.moveaxis(x[:, cells.place], 0, 1), 0)
    mean = parts.sum(axis=2) / counts[:, None]
    inside = jnp.where(there, parts - mean[:, :, None], 0)
    share = cells.weight * counts / (cells.weight @ counts)[:, None]
    centre = share @ mean
    between = mean.T - centre[:, :, None]
    square = (share / counts) @ jnp.square(inside).sum(axis=2)
    square += (jnp.square(between) * share[:, None]).sum(axis=2)
    scale = gain(centre, jnp.sqrt(square))
    tested = jnp.moveaxis(x[:, cells.test], 0, 1) - centre[:, :, None]
    tested = jnp.where(cells.test_weight[:, None] > 0, tested * scale[:, :, None], 0)
    return Voxels(inside, between, scale, tested)


@partial(jax.jit, static_argnames="group")
@in_full
def prepared(over: Voxels, cells: Cells, index: Array, local: Any, *, group: int) -> Any:
    """(sphere, fold, ...) what `local.prepare` makes of each; `index` (sphere, place) voxels, and
    `group` spheres together."""
    counts = cells.inside.sum(axis=1)
    total = cells.weight @ counts

    def sphere(index: Array) -> Any:
        inside, between = over.inside[:, index], over.between[:, index]
        scale, tested = over.gain[:, index], over.tested[:, index]
        products = jnp.einsum("cfp,cgp->cfg", inside, inside)
        rooted = between * jnp.sqrt(cells.weight * counts)[:, None]
        scatter = jnp.tensordot(cells.weight, products, 1)
        scatter += jnp.einsum("kfc,kgc->kfg", rooted, rooted)
        scatter *= scale[:, :, None] * scale[:, None]
        member = (index < over.gain.shape[1] - 1).astype(scale.dtype)
        whole = Sphere(scatter, tested.swapaxes(1, 2), member, total)
        return jax.vmap(local.prepare, (Sphere(0, 0, None, 0),))(whole)  # pyright: ignore

    return _grouped(sphere, index, group)


def _grouped(function, rows: Array, group: int) -> Any:
    chunks = rows.reshape(-1, group, *rows.shape[1:])
    made = jax.lax.map(jax.vmap(function), chunks)
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), made)


@partial(jax.jit, static_argnames="classes")
@in_full
def class_sums(over: Voxels, cells: Cells, some: Array, labels: Array, *, classes: int) -> Sums:
    """(fold, voxel, class, permutation) sums, and (fold, class, permutation) counts, of the voxels
    `some` (voxel,); `labels` (permutation, sample)."""
    inside, between, scale = (a[:, some] for a in over[:3])
    of = labels.T[cells.place][:, :, None] == jnp.arange(classes)[:, None]
    of = jnp.where(cells.inside[:, :, None, None] > 0, of, False).astype(inside.dtype)
    counts = of.sum(axis=1)
    flat = of.reshape(*cells.place.shape, -1)
    sums = (inside @ flat).reshape(*inside.shape[:2], *counts.shape[1:])

    def fold(weight: Array, between: Array, scale: Array) -> tuple[Array, Array]:
        weighted = weight[:, None, None] * counts
        made = jnp.tensordot(weight, sums, 1) + jnp.tensordot(between, weighted, 1)
        return made * scale[:, None, None], weighted.sum(axis=0)

    return Sums(*jax.lax.map(lambda row: fold(*row), (cells.weight, between, scale)))


@partial(jax.jit, static_argnames="group")
@in_full
def right(
    made: Any, of: Sums, cells: Cells, index: Array, labels: Array, local: Any, *, group: int
) -> Array:
    """(sphere, fold, permutation) weight of the held-out samples that are taken for what they are;
    `index` (sphere, place) among the voxels of `of`."""
    spheres, folds = len(index), len(cells.weight)
    truth = jnp.moveaxis(labels[:, cells.test], 0, 2)  # (fold, place, permutation)
    classes = of.counts.shape[1]

    def pair(at: Array) -> Array:
        s, k = at // folds, at % folds
        own = Sums(of.sums[k, index[s]], of.counts[k])
        told = winner(local.scores(jax.tree.map(lambda a: a[s, k], made), own), classes)
        return cells.test_weight[k] @ (told == truth[k]).astype(jnp.float32)

    return _grouped(pair, jnp.arange(spheres * folds), group).reshape(spheres, folds, -1)
