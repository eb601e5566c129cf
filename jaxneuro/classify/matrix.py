"""The programs behind time generalisation: all windows, folds and permutations at once.

Windows are shared out over the devices. A classifier of C classes is kept as C - 1 differences from
the first class, which is all that a choice depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from jaxneuro import compat
from jaxneuro.classify.classifiers import Linear
from jaxneuro.classify.everywhere import Rows, at_home, everywhere, winner
from jaxneuro.classify.logistic import log_loss, logistic
from jaxneuro.classify.scaling import Scaling, measured, ninther, scaled
from jaxneuro.classify.trials import Trials
from jaxneuro.types import Array


class Together(NamedTuple):
    """How many are fitted at one moment on one device: windows, and of each so many folds."""

    windows: int
    folds: int


class Seen(NamedTuple):
    """What is known of a window and fold.

    Attributes:
      x, middle: (trial, feature), which the folds of a window share, about (feature,).
      weight: (trial,) of training.
      scaling: by the trials trained on.
      place, place_weight: (place,) the trials trained on alone, and their weight.
    """

    x: Array
    middle: Array
    weight: Array
    scaling: Scaling
    place: Array
    place_weight: Array


class _Trained(NamedTuple):
    """Classifiers (permutation, window, fold, ...), and what they see.

    Attributes:
      kernel: (permutation, window, fold, feature, class - 1), of scaled features.
      bias: (permutation, window, fold, class - 1).
      tested: (window, fold, place, feature), scaled by the same window.
      scaling: (window, fold, feature).
    """

    kernel: Array
    bias: Array
    tested: Array
    scaling: Scaling


def shared(seen: Seen, labels: Array, classes: int, l2: Array) -> Linear:
    """`logistic` of all trials of the window: folds and permutations read the same `x`."""
    return logistic(seen.x, labels, seen.weight, classes, l2, seen.scaling)


def gathered(classify: Callable[..., Linear]) -> Callable[..., Linear]:
    """`classify` of the trials trained on alone, scaled."""
    return partial(_gathered, classify)


def _gathered(classify, seen: Seen, labels: Array, classes: int, *strength: Array) -> Linear:
    z = jnp.where(seen.place_weight[:, None] > 0, scaled(seen.x[seen.place], seen.scaling), 0)
    return classify(z, labels[seen.place], seen.place_weight, classes, *strength)


_program = partial(compat.Once, static=("classify", "classes", "group", "diagonal"))


@_program
def predicted(
    x: Array, labels: Array, trials: Trials, l2: Array | None, *, classify, classes, group, diagonal
) -> tuple[Array, Array]:
    """The class that each trial is taken for where it is tested.

    Args:
      x: (window, trial, feature).
      labels: (permutation, trial); of the first alone is predicted.
      trials: of the folds.
      l2: (permutation, window, fold) strengths of `classify`, or (1, window, fold) the same of all
        permutations, which then share more; None: it takes none.
      classify: `(seen, labels, classes[, l2]) -> Linear`: `shared`, or of `gathered`.
      group: what is fitted together.
      diagonal: whether windows are tested on themselves alone.

    Returns:
      Codes (window, test window, trial), int16, -1 where a fit failed or the trial is in no test;
      and (window, test window, fold) weight of the test trials that are taken for what they are,
      NaN where a fit failed. Without the test window where `diagonal`.
    """

    def of(own: Array) -> tuple[Array, Array]:
        found = _train(x, own, labels[:1], trials, l2, classify, classes, group)
        kernel, bias = found.kernel[0], found.bias[0]
        if not diagonal:
            truth = jnp.broadcast_to(labels[0], (len(own), labels.shape[1]))
            rows, scaling = Rows(kernel, bias, truth), _of_all(found.scaling, len(x))
            right, codes = everywhere(x, scaling, rows, trials, by_fold=True)
            return codes, right
        scores = jnp.einsum("wkpf,wkfc->kpwc", found.tested, kernel) + bias.swapaxes(0, 1)[:, None]
        told = winner(scores, -1)  # (fold, place, window)
        hit = jnp.where(told < 0, jnp.nan, told == labels[0, trials.test][..., None])
        right = jnp.einsum("kpw,kp->wk", hit, trials.test_weight)
        return at_home(told.reshape(-1, len(own)), trials).T, right

    return _on_devices(of, len(x))


@_program
def counted(
    x: Array, labels: Array, trials: Trials, l2: Array | None, *, classify, classes, group, diagonal
) -> Array:
    """(window, permutation, test window) weight of the test trials that are taken for what their
    permuted label says; without the test window where `diagonal`. Takes what `predicted` takes."""

    def of(own: Array, some: Array) -> Array:
        these = labels[some]
        strength = l2 if l2 is None or len(l2) == 1 else l2[some]
        found = _train(x, own, these, trials, strength, classify, classes, group)
        if diagonal:
            scores = jnp.einsum("wkpf,rwkfc->wrckp", found.tested, found.kernel)
            scores += jnp.moveaxis(found.bias, 0, 1).swapaxes(2, 3)[..., None]
            right = winner(scores, 2) == these[:, trials.test]
            return (right * trials.test_weight).sum(axis=(2, 3))
        rows = Rows(found.kernel, found.bias, jnp.repeat(these[:, None], len(own), axis=1))
        rows = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), rows)
        right, _ = everywhere(x, _of_all(found.scaling, len(x)), rows, trials, by_fold=False)
        return right.reshape(len(these), len(own), -1).swapaxes(0, 1)

    windows, permutations = jnp.arange(len(x)), jnp.arange(len(labels))
    if len(x) >= len(jax.local_devices()):
        return _on_devices(lambda own: of(own, permutations), len(x))
    found = _on_devices(lambda some: of(windows, some).swapaxes(0, 1), len(labels))
    return found.swapaxes(0, 1)


@partial(compat.Once, static=("classes", "group"))
def losses(x: Array, labels: Array, trials: Trials, l2: Array, *, classes: int, group: Together):
    """(window, fold, permutation, strength) mean cross-entropy of logistic regression on the test
    trials of each fold, in the window it was trained on; `l2` (strength,)."""

    def of(own: Array) -> Array:
        def pair(seen: Seen, window: Array, k: Array) -> Array:
            outside = _outside(seen, trials, k)

            def one(labels: Array, l2: Array) -> Array:
                scores = shared(seen, labels, classes, l2).scores(outside)
                return log_loss(scores, labels[trials.test[k]], trials.test_weight[k])

            return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(labels, l2)

        return _by_pairs(pair, x, own, trials, group)

    return _on_devices(of, len(x))


def _on_devices(of: Callable[[Array], Any], count: int) -> Any:
    """`of` the windows (or permutations) that a device has, put together again; the last are done
    twice where there are not as many for each."""
    devices = jax.local_devices()
    own = jnp.minimum(jnp.arange(-(-count // len(devices)) * len(devices)), count - 1)
    if len(devices) > 1:
        split = PartitionSpec("lane")
        of = compat.per_device(of, compat.lane_mesh(devices), split, split)
    return jax.tree.map(lambda a: a[:count], of(own))


def _of_all(own: Scaling, windows: int) -> Scaling:
    """Of all windows, what each device has of its own."""
    if len(own.mean) < windows:
        own = jax.tree.map(lambda a: jax.lax.all_gather(a, "lane", tiled=True), own)
    return jax.tree.map(lambda a: a[:windows], own)


def _outside(seen: Seen, trials: Trials, k: Array) -> Array:
    """(place, feature) scaled test trials."""
    return scaled(seen.x[trials.test[k]], seen.scaling)


def _train(x, own, labels, trials, l2, classify, classes: int, group) -> _Trained:
    def pair(seen: Seen, window: Array, k: Array) -> tuple[Linear, Array, Scaling]:
        def one(labels: Array, strength: tuple[Array, ...]) -> Linear:
            made = classify(seen, labels, classes, *strength)
            return Linear(made.kernel[:, 1:] - made.kernel[:, :1], made.bias[1:] - made.bias[:1])

        strength = () if l2 is None else (l2[:, window, k],)
        first = tuple(s[0] for s in strength)
        if len(labels) == 1:
            made = jax.tree.map(lambda a: a[None], one(labels[0], first))
        elif l2 is None or len(l2) == 1:  # what the permutations share is done once
            made = jax.vmap(one, (0, None))(labels, first)
        else:
            made = jax.vmap(one)(labels, strength)
        as_recorded = Scaling(seen.scaling.mean + seen.middle, seen.scaling.gain)
        return made, _outside(seen, trials, k), as_recorded

    made, tested, scaling = _by_pairs(pair, x, own, trials, group)
    kernel, bias = (jnp.moveaxis(part, 2, 0) for part in made)
    return _Trained(kernel, bias, tested, scaling)


def _by_pairs(pair: Callable, x: Array, own: Array, trials: Trials, group: Together) -> Any:
    """`pair(seen, window, fold)` of the windows `own` and all folds, (window, fold, ...), so many
    together."""
    folds = len(trials.weight)
    parts = -(-folds // group.folds)
    some = jnp.minimum(jnp.arange(parts * group.folds), folds - 1).reshape(parts, -1)

    def item(at: Array) -> Any:
        window = own[at // parts]
        x_own = x[window]
        middle = ninther(x_own[jnp.asarray(trials.some)])
        x_own = x_own - middle  # so that what is left of a mean is no more than a deviation or two

        def one(k: Array) -> Any:
            scaling = measured(x_own, trials.weight[k])
            place, weight = trials.train[k], trials.train_weight[k]
            return pair(Seen(x_own, middle, trials.weight[k], scaling, place, weight), window, k)

        return jax.vmap(one)(some[at % parts])

    items = len(own) * parts
    if group.windows == 1:  # XLA on CPUs takes twice as long for an axis of one
        made = jax.lax.map(item, jnp.arange(items))
    else:
        chunks = -(-items // group.windows)
        places = jnp.minimum(jnp.arange(chunks * group.windows), items - 1).reshape(chunks, -1)
        made = jax.lax.map(jax.vmap(item), places)
        made = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:items], made)

    def laid(a: Array) -> Array:
        return a.reshape(len(own), parts * group.folds, *a.shape[2:])[:, :folds]

    return jax.tree.map(laid, made)
