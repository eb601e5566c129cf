"""The article's convolutional network, one for each of several subjects, by Adam."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import Partial

import jaxneuro as jn
from benchmarks.peers import find_torch
from benchmarks.timing import Case, Contestant, largest_difference

_RATE = 1e-3


def _take(images, labels, inputs, index):
    return inputs._replace(x=images[index], y=labels[index])


def case(quick: bool) -> Case:
    """8 subjects × 64 images of 28 × 28, ten classes, 10 steps of Adam on all images."""
    subjects, images, size, steps = (2, 8, 8, 3) if quick else (8, 64, 28, 10)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(subjects, images, size, size, 1)).astype(np.float32)
    y = rng.integers(0, 10, (subjects, images))
    y[:, :10] = np.arange(10)[:images]
    inputs = jn.make_inputs(x[0], y[0])
    fit = jn.make_fit(
        jn.models.region_cnn(10),
        jn.losses.cross_entropy,
        lambda hyper: optax.adam(_RATE),
        stop=jn.Stop(max_steps=steps, gradient=0, plateau=0),
    )
    # A subject's images are few: each lane holds its own.
    select = Partial(_take, jnp.asarray(x), jnp.asarray(y, jnp.int32))
    axes = [jn.Axis("subject", subjects, select)]
    keys = jax.vmap(lambda i: jax.random.fold_in(inputs.key, i))(jnp.arange(subjects))
    start = jax.jit(jax.vmap(lambda key: fit.init(inputs._replace(key=key)).params))(keys)
    start = jax.device_get(start)

    lanes = 1 if jax.default_backend() == "cpu" else "auto"  # one subject fills a core, and no GPU

    def ours() -> np.ndarray:
        return jn.fit_many(fit, inputs, axes, lanes=lanes).loss

    contestants = [Contestant("jaxneuro", ours), *_torch(x, y, start, steps)]
    # Ten steps of it would take minutes: one is run, and its answer is not compared.
    flax = _flax(x, y, start, steps if quick else 1)
    contestants.append(
        Contestant("vmap of flax.linen.Conv", flax, share=1.0 if quick else 1 / steps)
    )
    inner = (size // 2) ** 2
    forward = size**2 * 9 * 32 + inner * 9 * 32 * 64 + (size // 4) ** 2 * 64 * 128 + 1280
    return Case(
        name="region_cnn",
        work=f"{subjects} subjects × {images} images {size}×{size}, {steps} Adam steps",
        contestants=contestants,
        fits=subjects,
        quality=lambda loss: float(loss.mean()),
        quality_name="mean loss at the end",
        disagree=lambda a, b: float("nan") if len(b) < len(a) else largest_difference(a, b),
        differ_name="largest difference of a subject's loss",
        gflop=subjects * images * steps * 2 * (3 * forward - size**2 * 9 * 32) * 1e-9,
        at_least={"pytorch loop": 3.0},
        aim={"pytorch loop": 5.0},
    )


def _flax(x: np.ndarray, y: np.ndarray, start, steps: int):
    """What one writes first: flax.linen's own layers, trained under one vmap."""
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            for i, features in enumerate((32, 64)):
                x = nn.relu(nn.Conv(features, (3, 3), name=f"conv_{i}")(x))
                x = nn.max_pool(x, (2, 2), (2, 2))
            x = nn.relu(nn.Dense(128, name="hidden_0")(x.reshape(len(x), -1)))
            return nn.Dense(10, name="readout")(x)

    network, optimizer = Network(), optax.adam(_RATE)

    def loss(params, x, y):
        logits: Any = network.apply({"params": params}, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def train(params, x, y):
        def step(_, carry):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params, x, y), state)
            return optax.apply_updates(params, updates), state

        params, _ = jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))
        return loss(params, x, y)

    every = jax.jit(jax.vmap(train))
    return lambda: np.asarray(every(start, x, y))[: len(x) if steps > 1 else 0]


def _torch(x: np.ndarray, y: np.ndarray, start, steps: int) -> list[Contestant]:
    torch = find_torch()
    if torch is None:
        return []
    nn = torch.nn
    images, labels = torch.tensor(np.moveaxis(x, -1, 2).copy()), torch.tensor(y)
    side = x.shape[2] // 4

    def weights(i: int) -> dict:
        one = jax.tree.map(lambda a: a[i], start)
        # The order of the flattened features is (row, column, channel) here, theirs differs.
        hidden = one["hidden_0"]["kernel"].reshape(side, side, 64, 128)
        hidden = np.moveaxis(hidden, 2, 0).reshape(-1, 128)
        kernels = {
            "0": np.transpose(one["conv_0"]["kernel"], (3, 2, 0, 1)),
            "3": np.transpose(one["conv_1"]["kernel"], (3, 2, 0, 1)),
            "7": hidden.T,
            "9": one["readout"]["kernel"].T,
        }
        biases = {"0": "conv_0", "3": "conv_1", "7": "hidden_0", "9": "readout"}
        found = {f"{n}.weight": torch.tensor(np.ascontiguousarray(k)) for n, k in kernels.items()}
        found.update({f"{n}.bias": torch.tensor(one[b]["bias"]) for n, b in biases.items()})
        return found

    def loop() -> np.ndarray:
        losses = []
        for i in range(len(x)):
            model = nn.Sequential(
                nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(64 * side * side, 128), nn.ReLU(), nn.Linear(128, 10),
            )  # fmt: skip
            model.load_state_dict(weights(i))
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
            for _ in range(steps):
                loss = criterion(model(images[i]), labels[i])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                losses.append(criterion(model(images[i]), labels[i]).item())
        return np.array(losses)

    return [Contestant("pytorch loop", loop, compiles=False)]
