"""A recurrent decoder over a grid: 15 GRUs side by side, and one after the other in PyTorch."""

from typing import Any

import numpy as np

import jaxneuro as jn
from benchmarks.peers import find_torch
from benchmarks.timing import Case, Contestant

_RATE = 3e-3
_PART = 5  # PyTorch takes one in so many steps of one fit: its time is linear in both


def case(quick: bool) -> Case:
    """5 penalties × 3 folds of a GRU of 128 units, minibatches of 32, 1 000 steps."""
    sizes = (200, 4, 5, 8, 20) if quick else (2000, 8, 20, 128, 1000)
    samples, moments, features, hidden, steps = sizes
    strengths = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, moments, features)).astype(np.float32)
    drive = np.tanh(x[:, ::-1].cumsum(axis=1)[:, ::-1] @ rng.normal(0, 0.2, (features, 2)))
    y = (drive.mean(axis=1) + 0.2 * rng.normal(size=(samples, 2))).astype(np.float32)
    folds = jn.splits.blocks(samples, 3)
    fit = jn.decoding.recurrent(2, hidden, steps, batch=32)
    inputs = jn.make_inputs(x, y)
    axes = [jn.axes.folds(folds), jn.axes.grid(l2=strengths, learning_rate=[_RATE])]

    def ours() -> np.ndarray:
        return jn.fit_many(fit, inputs, axes).scores["r2"][..., 0].mean(axis=-1)

    contestants = [Contestant("jaxneuro", ours)]
    torch = find_torch()
    if torch is not None:
        part = 1 if quick else _PART

        def loop() -> np.ndarray:
            found = np.full((3, len(strengths)), np.nan)
            found[0, 0] = _torch(torch, x, y, folds, hidden, steps // part, strengths[0])
            return found

        contestants.append(Contestant("pytorch loop", loop, share=1 / 15 / part, compiles=False))
    return Case(
        name="recurrent",
        work=f"5 penalties × 3 folds, GRU of {hidden} units over {moments} moments of {features} "
        f"features, {steps} Adam steps of 32 samples",
        contestants=contestants,
        fits=15,
        quality=lambda found: float(found[:, 0].mean()),
        quality_name="held-out R² at the weakest penalty",
        disagree=lambda mine, other: float(abs(mine[0, 0] - other[0, 0])),
        differ_name="difference of R², other minibatches, a fifth of the steps",
    )


def _torch(torch: Any, x, y, folds, hidden: int, steps: int, l2: float) -> float:
    """Held-out R² of the first fold."""
    train, test = folds.train[0] > 0, folds.test[0] > 0
    flat = x[train].reshape(-1, x.shape[2])
    z = (x - flat.mean(axis=0)) / flat.std(axis=0)
    mean, spread = y[train].mean(axis=0), y[train].std(axis=0)
    inputs, targets = torch.tensor(z[train]), torch.tensor((y[train] - mean) / spread)
    torch.manual_seed(0)
    gru = torch.nn.GRU(x.shape[2], hidden, batch_first=True)
    readout = torch.nn.Linear(hidden, y.shape[1])
    params = [*gru.parameters(), *readout.parameters()]
    kernels = [p for p in params if p.ndim > 1]
    optimizer = torch.optim.Adam(params, lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        some = torch.randint(len(inputs), (32,))
        told = readout(gru(inputs[some])[0][:, -1])
        loss = 0.5 * torch.square(told - targets[some]).mean()
        loss = loss + 0.5 * l2 * sum((k**2).sum() for k in kernels) / y.shape[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        told = readout(gru(torch.tensor(z[test]))[0][:, -1]).cpu().numpy() * spread + mean
    missed = np.square(y[test] - told).sum(axis=0)
    return float(np.mean(1 - missed / np.square(y[test] - y[test].mean(axis=0)).sum(axis=0)))
