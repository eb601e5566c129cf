"""Graph convolution over a mesh: maps on a surface, whatever its triangles.

    z'[v] = Σ_k (T_k(L) z)[v] · W_k + b

with Chebyshev polynomials T_k of the mesh's scaled Laplacian, L = -D^-½ A D^-½ (Defferrard, Bresson
& Vandergheynst 2016, NeurIPS 29, with λ_max = 2; of order 1 Kipf & Welling 2017, ICLR, but with a
weight of its own for the vertex itself). Each layer sees `order` edges further. No basis of
eigenvectors is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxneuro.models.values import LECUN_NORMAL
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model


class Mesh(NamedTuple):
    """Who is whose neighbour, as a value: models of equal meshes are equal. From `mesh_of`.

    Attributes:
      pairs: int32 (edge, 2), each pair once, in bytes.
      vertices: how many.
    """

    pairs: bytes
    vertices: int

    @property
    def edges(self) -> NDArray[np.int32]:
        """(edge, 2)."""
        return np.frombuffer(self.pairs, np.int32).reshape(-1, 2)

    def table(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Neighbours (vertex, degree), padded with the vertex itself, and their weights in
        D^-½ A D^-½, there 0."""
        both = np.concatenate([self.edges, self.edges[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        degree = np.bincount(both[:, 0], minlength=self.vertices)
        place = np.arange(len(both)) - np.repeat(np.cumsum(degree) - degree, degree)
        neighbour = np.tile(np.arange(self.vertices, dtype=np.int32)[:, None], max(degree.max(), 1))
        weight = np.zeros(neighbour.shape)
        root = 1 / np.sqrt(np.maximum(degree, 1))
        neighbour[both[:, 0], place] = both[:, 1]
        weight[both[:, 0], place] = root[both[:, 0]] * root[both[:, 1]]
        return neighbour, weight


def mesh_of(triangles: ArrayLike, vertices: int) -> Mesh:
    """The mesh of a surface.

    Args:
      triangles: (triangle, 3) numbers of vertices, as GIFTI has them; or edges (edge, 2).
      vertices: how many there are.

    Raises:
      ValueError: another shape, or a number that is no vertex.
    """
    given = np.asarray(triangles)
    if given.ndim != 2 or given.shape[1] not in (2, 3) or given.dtype.kind not in "iu":
        raise ValueError(f"triangles is {given.dtype} {given.shape}: it must be whole numbers "
                         "(triangle, 3), or edges (edge, 2)")  # fmt: skip
    if not given.size or given.min() < 0 or given.max() >= vertices:
        raise ValueError(f"triangles: numbers must be from 0 to {vertices - 1}, one at least")
    sides = [(0, 1)] if given.shape[1] == 2 else [(0, 1), (1, 2), (2, 0)]
    pairs = np.concatenate([given[:, side] for side in sides])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return Mesh(pairs.astype(np.int32).tobytes(), int(vertices))


class MeshConvolution(nn.Module):
    """`x` (sample, vertex, channel) -> (sample, vertex, feature). Kernel (order + 1, channel,
    feature)."""

    mesh: Mesh
    features: int
    order: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = ((self.order + 1) * x.shape[-1], self.features)
        kernel = self.param("kernel", LECUN_NORMAL, shape, x.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), x.dtype)
        terms = chebyshev(x, self.mesh, self.order)
        return jnp.concatenate(terms, axis=-1) @ kernel + bias


def chebyshev(x: Array, mesh: Mesh, order: int) -> list[Array]:
    """T_0(L) x, ..., T_order(L) x of `x` (sample, vertex, channel)."""
    terms = [x]
    for k in range(1, order + 1):
        again: Array = -_spread(terms[-1], mesh)  # pyright: ignore[reportOperatorIssue]
        terms.append(again if k == 1 else 2 * again - terms[-2])
    return terms


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _spread(x: Array, mesh: Mesh) -> Array:
    """D^-½ A D^-½ x, gathered from neighbours; so is its gradient, for the matrix is symmetric."""
    neighbour, weight = mesh.table()
    total = jnp.zeros_like(x)
    for column, by in zip(neighbour.T, weight.T, strict=True):
        total = total + x[:, column] * jnp.asarray(by, x.dtype)[:, None]
    return total


def _forward(x: Array, mesh: Mesh) -> tuple[Array, None]:
    return _spread(x, mesh), None


def _backward(mesh: Mesh, saved: None, gradient: Array) -> tuple[Array]:
    del saved
    return (_spread(gradient, mesh),)


_spread.defvjp(_forward, _backward)


class _Mesh(nn.Module):
    """conv_0, conv_1, ..., each with ReLU; the mean over vertices; readout."""

    mesh: Mesh
    outputs: int
    channels: tuple[int, ...]
    order: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = x[..., None] if x.ndim == 2 else x
        if x.ndim != 3 or x.shape[1] != self.mesh.vertices:
            raise ValueError(f"mesh_network: x is {x.shape}, must be (sample, vertex, channel) "
                             f"of {self.mesh.vertices} vertices")  # fmt: skip
        for i, features in enumerate(self.channels):
            made = MeshConvolution(self.mesh, features, self.order, name=f"conv_{i}")
            x = nn.relu(made(x))
        readout = nn.Dense(
            self.outputs, kernel_init=LECUN_NORMAL, param_dtype=x.dtype, name="readout"
        )
        return readout(x.mean(axis=1))


def mesh_network(
    mesh: Mesh,
    outputs: int,
    channels: Sequence[int] = (16, 16),
    order: int = 2,
) -> Model:
    """Graph convolutions over a mesh, each with ReLU, and a linear readout of their mean over
    vertices: a label of each sample, whichever way the vertices are numbered.

    `x` is (sample, vertex) or (sample, vertex, channel), channels of about unit variance
    (`by_channel` has each fit scale them); the prediction is (sample, output), logits for
    `losses.cross_entropy`.

    Args:
      mesh: from `mesh_of`.
      outputs: classes.
      channels: features of each convolution.
      order: of the polynomials: edges that a layer sees over.

    Raises:
      ValueError: no mesh or sizes; or of other `x`, when it is fitted.
    """
    if not channels or min(*channels, outputs, order) < 1:
        raise ValueError(f"mesh_network: channels {tuple(channels)}, outputs {outputs} and order "
                         f"{order} must be positive")  # fmt: skip
    module = _Mesh(mesh, outputs, tuple(channels), order)
    return from_linen(module, readout=("readout",))
