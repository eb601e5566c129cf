"""Least squares all and least squares separate, as matrices that take a fit in the design's space.

A fit of all columns has coordinates θ in the orthonormal basis of the design, and every smaller
model's estimates are linear in θ: no design of an event is ever laid out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxneuro.fmri.design import Design
from jaxneuro.fmri.spaces import Space, span


class Estimator(NamedTuple):
    """For one noise model, float64.

    Attributes:
      rows: (row, direction) that take θ to estimates; NaN where there is none.
      spread: (row,) variance of an estimate, over that of the noise.
      freedom: (row,) degrees of freedom of the residuals of its model.
      outside: (direction, direction') that take θ to what the columns that all models share
        leave over; of no direction: the model is that of all columns.
      own: (row, kernel, direction') unit directions in which a row's model goes beyond these.
    """

    rows: NDArray
    spread: NDArray
    freedom: NDArray
    outside: NDArray
    own: NDArray

    def residual(self, theta: NDArray, energy: NDArray) -> NDArray:
        """(row, voxel) sums of squares, or of one row where all are of one model; energy: (voxel,)
        that of the model of all columns."""
        if not len(self.outside):
            return energy[None]
        left = self.outside @ theta
        shared = energy + np.einsum("dv,dv->v", left, left)
        for kernel in range(self.own.shape[1]):
            shared = shared - (self.own[:, kernel] @ left) ** 2
        return np.maximum(shared, 0)


def shared(design: Design, columns: NDArray) -> NDArray:
    """(direction, column) of the sum of all events, each kernel's, and of what is no response."""
    count = design.responses
    each = columns[:, :count].reshape(-1, len(design.labels), design.kernels)
    return np.concatenate([each.sum(axis=1), columns[:, count:]], axis=1)


def beyond(columns: NDArray) -> NDArray:
    """(direction, direction) takes away what lies in the span of the columns."""
    basis = span(columns)[0]
    return np.eye(len(columns)) - basis.T @ basis


def together(rows: NDArray, at: Space, rho: float) -> Estimator:
    """All columns in one model; rows: (row, direction) what is asked of it."""
    half = np.linalg.cholesky(at.metric(rho))
    spread = (np.linalg.solve(half, rows.T) ** 2).sum(axis=0)
    directions, frames = at.basis.shape
    freedom = np.full(len(rows), frames - directions)
    return Estimator(rows, spread, freedom, np.empty((0, directions)), np.empty((len(rows), 0, 0)))


def least_squares_all(design: Design, at: Space, rho: float) -> Estimator:
    """The coefficient of each response, all columns in one model."""
    count = design.responses
    return together(np.where(at.estimable[:count, None], at.inverse[:count], np.nan), at, rho)


def least_squares_separate(design: Design, at: Space, rho: float) -> Estimator:
    """Each event in a model of its own, where all others share one column (Mumford et al. 2012,
    NeuroImage 59:2636, LS-S), with the confounds, the drifts and the constant.

    The model of event x with all others, S - x, has the columns of the model of x and S. What S and
    the nuisance leave over of x gives its coefficient a there (Frisch & Waugh 1933, Econometrica
    1:387), and that of S is c = c₀ - h a, where c₀ is what it has without x, and h what it has
    in explaining x. The estimate is a + c.
    """
    kernels, count, items = design.kernels, design.responses, len(design.labels)
    half = np.linalg.cholesky(at.metric(rho)).T  # in half @ θ the noise is white
    columns = half @ at.columns
    each = columns[:, :count].reshape(-1, items, kernels)
    basis, _, inverse = span(shared(design, columns))
    of_all = inverse[:kernels] @ basis  # (kernel, direction): c₀, and h of x
    outside = beyond(shared(design, columns))
    left = np.einsum("de,eik->idk", outside, each)
    own, size, turn = np.linalg.svd(left, full_matrices=False)
    known = size > 1e-6 * np.linalg.norm(each, axis=(0, 2))[:, None]
    alone = items == 1  # then all others are nothing, and x is S
    inverses = np.where(known, 1 / np.where(known, size, 1), 0)
    a = np.einsum("ijk,ij,idj->ikd", turn, inverses, own)
    h = np.einsum("kd,dij->ikj", of_all, each)
    rows = of_all[None] + a - np.einsum("ikj,ijd->ikd", h, a)
    told = known.all(axis=1) if not alone else np.ones(1, bool)
    rows = np.where(told[:, None, None], rows, np.nan).reshape(count, -1)
    own = np.where(known[:, None], own, 0).transpose(0, 2, 1)
    freedom = len(design.matrix) - len(basis) - known.sum(axis=1)
    return Estimator(
        rows @ half,
        (rows**2).sum(axis=1),
        np.repeat(freedom, kernels),
        outside @ half,
        np.repeat(own, kernels, axis=0),
    )
