"""Fits whose step counts spread 1 : 100: what refilled lanes save."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxneuro as jn
from benchmarks.timing import Case, Contestant

_LANES = 32


def case(quick: bool) -> Case:
    """5 000 Poisson GLMs by gradient descent, each to the same relative gradient."""
    fits, samples, features = (64, 200, 4) if quick else (5000, 1000, 8)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    rates = np.exp(x @ rng.normal(0, 0.1, (features, fits)))
    y = rng.poisson(rates).astype(np.float32)
    # A small step takes long: the learning rates spread the counts.
    speeds = np.exp(rng.uniform(np.log(0.01), 0, fits)).astype(np.float32)
    fit = jn.make_fit(
        jn.models.linear(),
        jn.losses.poisson,
        lambda hyper: optax.sgd(hyper["speed"]),
        stop=jn.Stop(max_steps=5000, gradient=1e-2, plateau=0),
    )
    inputs = jn.make_inputs(x, y, hyper={"speed": 1.0})
    axes = [jn.axes.targets(fits), *jn.axes.grid(speed=speeds.tolist())]
    rows = np.stack([np.arange(fits)] * 2, axis=1)
    wasted: dict[str, float] = {}
    devices = jax.local_device_count()

    def refilled() -> np.ndarray:
        found = jn.fit_many(fit, inputs, axes, rows=rows, lanes=_LANES)
        wasted["useful"] = found.useful
        wasted["spread"] = float(found.steps.max() / max(1, found.steps.min()))
        return found.loss

    def in_groups() -> np.ndarray:
        """Our own lanes, filled once: each group ends with its slowest."""
        size = _LANES * devices
        parts = [jn.fit_many(fit, inputs, axes, rows=rows[i : i + size], lanes=_LANES)
                 for i in range(0, fits, size)]  # fmt: skip
        steps = sum(float((part.steps + 1).sum()) for part in parts)
        taken = sum(float((part.steps + 1).sum()) / part.useful for part in parts)
        wasted["useful in groups"] = steps / taken
        return np.concatenate([part.loss for part in parts])

    status = jax.jit(jax.vmap(lambda target, speed: _to_the_end(fit, inputs, target, speed)))

    def all_at_once() -> np.ndarray:
        return np.asarray(status(jnp.arange(fits), jnp.asarray(speeds)))

    return Case(
        name="refill",
        work=f"{fits} GLMs by gradient descent, T={samples}, steps spread 1 : 100",
        contestants=[
            Contestant("jaxneuro", refilled),
            Contestant("our lanes, filled once", in_groups),
            Contestant("vmap of while_loop", all_at_once),
        ],
        fits=fits,
        quality=lambda loss: wasted["useful"],
        quality_name="useful share of lane-steps",
        disagree=lambda ours, theirs: float(np.abs(ours - theirs).max()),
        differ_name="largest difference of a loss",
        facts=lambda: {**wasted, "note": _note(wasted)},
    )


def _note(wasted: dict[str, float]) -> str:
    fewer = wasted["useful"] / wasted["useful in groups"]
    return (
        f"; {fewer:.2g} times fewer lane-steps than filled once, steps 1 : {wasted['spread']:.0f}"
    )


def _to_the_end(fit: jn.Fit, inputs: jn.Inputs, target, speed):
    one = inputs._replace(y=inputs.y[:, target], hyper={"speed": speed})
    running = jn.Status.RUNNING
    end = jax.lax.while_loop(
        lambda state: fit.status(state) == running, lambda state: fit.step(one, state),
        fit.init(one),
    )  # fmt: skip
    return fit.result(one, end).loss
