"""The article's network for each of many neurons, by the article's plain gradient descent."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxneuro as jn
from benchmarks.peers import find_torch
from benchmarks.timing import Case, Contestant, difference_where_run

_RATE = 0.05


def narrow(quick: bool) -> Case:
    """256 neurons, T = 2000, 32 → 32 → 1, 200 full-batch steps, as the article trains."""
    sizes = (8, 200, 8, 8, 10) if quick else (256, 2000, 32, 32, 200)
    asked = {"pytorch loop": 10.0}, {"pytorch loop": 15.0}
    return _case("neuron_mlp", *sizes, *asked)


def wide(quick: bool) -> Case:
    """32 neurons, T = 2000, 512 → 128 → 1, 50 steps: products large enough for the machine."""
    sizes = (4, 200, 16, 16, 10) if quick else (32, 2000, 512, 128, 50)
    return _case("neuron_mlp_wide", *sizes, {}, {})


def _case(name, neurons, samples, features, hidden, steps, at_least, aim) -> Case:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    drive = np.tanh(x @ rng.normal(0, features**-0.5, (features, neurons)))
    y = (drive + 0.5 * rng.normal(size=drive.shape)).astype(np.float32)
    inputs = jn.make_inputs(x, y)
    fit = jn.make_fit(
        jn.models.neuron_mlp(hidden),
        jn.losses.squared_error,
        lambda hyper: optax.sgd(_RATE),
        stop=jn.Stop(max_steps=steps, gradient=0, plateau=0),
    )
    axes = [jn.axes.targets(neurons)]
    keys = jax.vmap(lambda i: jax.random.fold_in(inputs.key, i))(jnp.arange(neurons))
    start = jax.jit(jax.vmap(lambda key: fit.init(inputs._replace(y=inputs.y[:, 0], key=key))))
    start = jax.device_get(start(keys).params)  # all start from our starting points

    def ours() -> np.ndarray:
        return jn.fit_many(fit, inputs, axes).loss

    contestants = [Contestant("jaxneuro", ours), *_torch(x, y, start, steps)]
    contestants.append(Contestant("jit one, Python loop", _jit_loop(x, y, start, steps)))
    product = 2 * samples * hidden * features
    return Case(
        name=name,
        work=f"{neurons} neurons, T={samples}, {features}→{hidden}→1, {steps} SGD steps",
        contestants=contestants,
        fits=neurons,
        quality=lambda loss: float(loss.mean()),
        quality_name="mean loss at the end",
        disagree=difference_where_run,
        differ_name="largest difference of a neuron's loss",
        gflop=neurons * steps * (2 * product + 6 * samples * hidden) * 1e-9,
        at_least=at_least,
        aim=aim,
    )


def _jit_loop(x: np.ndarray, y: np.ndarray, start: Any, steps: int):
    @jax.jit
    def descend(params, target):
        def loss(params):
            hidden = x @ params["hidden_0"]["kernel"] + params["hidden_0"]["bias"]
            out = jax.nn.relu(hidden) @ params["readout"]["kernel"] + params["readout"]["bias"]
            return jnp.square(out[:, 0] - target).mean()

        def step(_, params):
            return jax.tree.map(lambda p, g: p - _RATE * g, params, jax.grad(loss)(params))

        return loss(jax.lax.fori_loop(0, steps, step, params))

    def run() -> np.ndarray:
        one = [descend(jax.tree.map(lambda a, i=i: a[i], start), y[:, i])
               for i in range(y.shape[1])]  # fmt: skip
        return np.asarray(jax.block_until_ready(one))

    return run


def _torch(x: np.ndarray, y: np.ndarray, start: Any, steps: int) -> list[Contestant]:
    torch = find_torch()
    if torch is None:
        return []
    nn = torch.nn
    inputs, targets = torch.tensor(x), torch.tensor(y)
    neurons = y.shape[1]
    weights = {
        "0.weight": torch.tensor(start["hidden_0"]["kernel"]).transpose(1, 2).contiguous(),
        "0.bias": torch.tensor(start["hidden_0"]["bias"]),
        "2.weight": torch.tensor(start["readout"]["kernel"]).transpose(1, 2).contiguous(),
        "2.bias": torch.tensor(start["readout"]["bias"]),
    }
    hidden, features = weights["0.weight"].shape[1:]

    def network():
        return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    few = neurons if jax.default_backend() == "cpu" else max(1, neurons // 16)  # of the loop

    def loop() -> np.ndarray:
        losses = np.full(neurons, np.nan)
        for i in range(few):
            model = network()
            model.load_state_dict({name: w[i] for name, w in weights.items()})
            criterion = nn.MSELoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=_RATE)
            for _ in range(steps):
                loss = criterion(model(inputs)[:, 0], targets[:, i])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            losses[i] = criterion(model(inputs)[:, 0], targets[:, i]).item()
        return losses

    def ensemble() -> np.ndarray:
        model = network()

        def loss(params, target):
            out = torch.func.functional_call(model, params, (inputs,))
            return ((out[:, 0] - target) ** 2).mean()

        every = torch.func.vmap(torch.func.grad(loss), in_dims=(0, 1))
        params = {name: w.clone() for name, w in weights.items()}
        for _ in range(steps):
            gradient = every(params, targets)
            params = {name: p - _RATE * gradient[name] for name, p in params.items()}
        return torch.func.vmap(loss, in_dims=(0, 1))(params, targets).cpu().numpy()

    return [
        Contestant("pytorch loop", loop, share=few / neurons, compiles=False),
        Contestant("torch.func.vmap", ensemble, compiles=False),
    ]
