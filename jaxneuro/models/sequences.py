"""Networks of short stretches of time: recurrent ones, and causal convolutions.

They see `x` (sample, time, feature), the past of each sample in order (`features.lags(x, count)`
turned round: `[:, ::-1]`), and predict from the last moment. The first layer is dense and the same
at all times, so that a fit can fold each fold's own scaling of the features into it.
"""

from collections.abc import Sequence
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxneuro.models.values import LECUN_NORMAL
from jaxneuro.models.wrap import from_linen
from jaxneuro.types import Array, Model


def recurrent(
    hidden: int = 64,
    outputs: int | None = None,
    *,
    cell: Literal["gru", "lstm"] = "gru",
    dropout: float = 0.0,
    readin: int | None = None,
    moments: int | None = None,
) -> Model:
    """A gated recurrent layer, and a readout of its last state.

    "gru" (Cho et al. 2014, arXiv:1406.1078), with the reset gate behind the recurrent product, as
    in cuDNN, PyTorch and Flax:

        r, z = σ(W x + b + U h),  n = tanh(W x + b + r·(U h + c)),  h ← (1 - z)·n + z·h

    "lstm" (Hochreiter & Schmidhuber 1997, Neural Comput. 9:1735, with the forget gate of Gers et
    al. 2000), whose forget gate starts open, at a bias of 1:

        i, f, o = σ(W x + b + U h),  g = tanh(W x + b + U h),  c ← f·c + i·g,  h ← o·tanh(c)

    Args:
      hidden: units.
      outputs: None for a prediction (sample,); a number for (sample, output).
      cell: which.
      dropout: share of the features, and of the last state, that is left out of each sample at
        each step of a fit; the same features at all times.
      readin: mixtures of the features that the layer is given in place of all of them, learned
        along with it: many features then take far fewer weights. None: the features.
      moments: predictions of so many last moments, (sample, moment[, output]), in their order, each
        of what came before it: for a loss at all of them. Parameters are the same. None: of the
        last alone.

    Parameters are `{"input": {kernel (feature, gates·hidden), bias}, "state": {kernel (hidden,
    gates·hidden)[, bias (hidden,)]}, "readout": {kernel, bias}}`, gates in the order above; with
    `readin` "input" is {kernel (feature, readin), bias}, and "gates" {kernel (readin,
    gates·hidden), bias} comes behind it.

    Raises:
      ValueError: names the argument.
    """
    _check("recurrent", (hidden,), dropout)
    if cell not in ("gru", "lstm"):
        raise ValueError(f'recurrent: cell is {cell!r}, must be "gru" or "lstm"')
    if readin is not None and readin < 1:
        raise ValueError(f"recurrent: readin is {readin}, must be None or at least 1")
    if moments is not None and moments < 1:
        raise ValueError(f"recurrent: moments is {moments}, must be None or at least 1")
    module = _Recurrent(hidden, outputs, cell, float(dropout), readin, moments)
    made = _model(module, dropout)
    return made if moments is None else made._replace(readout=None)  # one for several columns of y


def temporal_convolution(
    channels: Sequence[int] = (32, 32),
    size: int = 3,
    outputs: int | None = None,
    *,
    dropout: float = 0.0,
) -> Model:
    """Causal convolutions over time, each seeing twice as far back as the one before, and a readout
    of the last moment (Bai, Kolter & Koltun 2018, arXiv:1803.01271), ReLU between.

    A dense layer over the features comes first, then of every layer a kernel of `size` moments,
    dilated by 1, 2, 4, ...: it sees 1 + (size - 1)·(2^layers - 1) moments.

    Args:
      channels: of the dense layer and each convolution.
      size: moments of a kernel.
      outputs: None for a prediction (sample,); a number for (sample, output).
      dropout: share of the features, and of the last channels, that is left out of each sample at
        each step of a fit.

    Raises:
      ValueError: names the argument.
    """
    _check("temporal_convolution", tuple(channels), dropout)
    if size < 1:
        raise ValueError(f"temporal_convolution: size is {size}, must be at least 1")
    return _model(_Temporal(tuple(channels), size, outputs, float(dropout)), dropout)


def _model(module: nn.Module, dropout: float) -> Model:
    return from_linen(
        module,
        first_layer=("input",),
        readout=("readout",),
        training={"train": True} if dropout else None,
    )


def _check(name: str, sizes: tuple[int, ...], dropout: float) -> None:
    if not sizes or min(sizes) < 1:
        raise ValueError(f"{name}: sizes are {sizes}, must be one or more positive numbers")
    if not 0 <= dropout < 1:
        raise ValueError(f"{name}: dropout is {dropout}, must be from 0 to below 1")


class _Recurrent(nn.Module):
    hidden: int
    outputs: int | None
    cell: str
    dropout: float
    readin: int | None
    moments: int | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        x = _dropped(self, _in_time("recurrent", x), train, over_time=True)
        if self.moments is not None and self.moments > x.shape[1]:
            raise ValueError(f"recurrent: moments is {self.moments}, of windows of {x.shape[1]}")
        gates = 3 if self.cell == "gru" else 4
        start = nn.initializers.zeros if self.cell == "gru" else _open
        layer = {"kernel_init": LECUN_NORMAL, "param_dtype": x.dtype}
        if self.readin is not None:
            x = nn.Dense(self.readin, **layer, name="input")(x)
        name = "input" if self.readin is None else "gates"
        known = nn.Dense(gates * self.hidden, **layer, bias_init=start, name=name)(x)
        layer = _State(self.hidden, gates, self.cell == "gru", self.moments, name="state")
        state = _dropped(self, layer(known), train, over_time=self.moments is not None)
        return _readout(self.outputs, state)


def _open(key: Array, shape: tuple[int, ...], dtype=float) -> Array:
    """Of four gates' biases, 1 for the second's: it forgets nothing at first."""
    del key
    return jnp.repeat(jnp.array([0, 1, 0, 0], dtype), shape[0] // 4)


class _State(nn.Module):
    """(sample, time, gates·hidden) of the input -> the last state (sample, hidden), or those of the
    last moments (sample, moment, hidden)."""

    hidden: int
    gates: int
    has_bias: bool
    moments: int | None = None

    @nn.compact
    def __call__(self, known: Array) -> Array:
        shape = (self.hidden, self.gates * self.hidden)
        kernel = self.param("kernel", LECUN_NORMAL, shape, known.dtype)
        zero = jnp.zeros((known.shape[0], self.hidden), known.dtype)
        by_time = jnp.moveaxis(known, 1, 0)
        if self.has_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.hidden,), known.dtype)

            def gru(state: Array, now: Array) -> tuple[Array, Array | None]:
                before = state @ kernel
                given, told = (jnp.split(a, [2 * self.hidden], axis=1) for a in (now, before))
                reset, keep = jnp.split(nn.sigmoid(given[0] + told[0]), 2, axis=1)
                new = jnp.tanh(given[1] + reset * (told[1] + bias))
                state = (1 - keep) * new + keep * state
                return state, self._shown(state)

            return self._wanted(*jax.lax.scan(gru, zero, by_time))

        def lstm(carry: tuple[Array, Array], now: Array):
            state, memory = carry
            take, keep, show, new = jnp.split(now + state @ kernel, 4, axis=1)
            memory = nn.sigmoid(keep) * memory + nn.sigmoid(take) * jnp.tanh(new)
            state = nn.sigmoid(show) * jnp.tanh(memory)
            return (state, memory), self._shown(state)

        (state, _), every = jax.lax.scan(lstm, (zero, zero), by_time)
        return self._wanted(state, every)

    def _shown(self, state: Array) -> Array | None:
        return None if self.moments is None else state

    def _wanted(self, last: Array, every: Array | None) -> Array:
        if every is None or self.moments is None:
            return last
        return jnp.moveaxis(every[-self.moments :], 0, 1)


class _Temporal(nn.Module):
    channels: tuple[int, ...]
    size: int
    outputs: int | None
    dropout: float

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        x = _dropped(self, _in_time("temporal_convolution", x), train, over_time=True)
        layer = {"kernel_init": LECUN_NORMAL, "param_dtype": x.dtype}
        x = nn.relu(nn.Dense(self.channels[0], **layer, name="input")(x))
        for i, features in enumerate(self.channels):
            convolve = nn.Conv(features, (self.size,), kernel_dilation=2**i, padding="CAUSAL",
                               **layer, name=f"conv_{i}")  # fmt: skip
            x = nn.relu(convolve(x))
        return _readout(self.outputs, _dropped(self, x[:, -1], train))


def _in_time(name: str, x: Array) -> Array:
    if x.ndim != 3:
        raise ValueError(f"{name}: x is {x.shape}, must be (sample, time, feature)")
    return x


def _dropped(module: nn.Module, x: Array, train: bool, over_time: bool = False) -> Array:
    if not module.dropout:  # pyright: ignore[reportAttributeAccessIssue]
        return x
    drop = nn.Dropout(module.dropout, broadcast_dims=(1,) if over_time else ())  # pyright: ignore
    return drop(x, deterministic=not train)


def _readout(outputs: int | None, x: Array) -> Array:
    layer = nn.Dense(outputs or 1, kernel_init=LECUN_NORMAL, param_dtype=x.dtype, name="readout")
    return layer(x) if outputs else layer(x)[..., 0]
