"""Linear decoders of many subjects, folds and penalties, from sufficient statistics."""

import numpy as np

import jaxneuro as jn
from benchmarks.peers import find, find_torch
from benchmarks.timing import Case, Contestant, difference_where_run

_STEPS = 200  # of the loop's gradient descent


def case(quick: bool) -> Case:
    """10 subjects × 5 folds × 10 penalties = 500 decoders, T = 20 000, 150 features, 2 outputs."""
    subjects, samples, features = (2, 400, 6) if quick else (10, 20_000, 150)
    folds, outputs, strengths = 5, 2, np.logspace(-4, 1, 10)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(subjects, samples, features)).astype(np.float32)
    weights = rng.normal(0, features**-0.5, (subjects, features, outputs))
    y = (x @ weights + rng.normal(size=(subjects, samples, outputs))).astype(np.float32)
    splits = jn.splits.blocks(samples, folds)
    fit = jn.make_fit(
        jn.models.linear(outputs),
        jn.losses.half_squared_error,
        jn.optimizers.lbfgs(),
        jn.penalties.ridge(),
        jn.Stop(max_steps=200, gradient=1e-5),
        scores={"r2": jn.metrics.r2},
        precondition=True,
    )
    tests = [np.asarray(test) > 0 for test in splits.test]

    def ours() -> np.ndarray:
        one = [jn.condense(fit, jn.make_inputs(x[s], y[s]), splits) for s in range(subjects)]
        fields = ("x", "y", "weight", "held_out", "validation")
        every = {n: np.concatenate([getattr(c.inputs, n) for c in one]) for n in fields}
        inputs = one[0].inputs._replace(**every)
        axes = [jn.axes.subjects(subjects * folds), jn.axes.grid(l2=strengths.tolist())]
        return jn.fit_many(one[0].fit, inputs, axes).scores["r2"].mean(axis=-1).reshape(-1)

    def ours_in_time() -> np.ndarray:
        found = []
        for s in range(subjects):
            inputs = jn.make_inputs(x[s], y[s])
            axes = [jn.axes.folds(splits), jn.axes.grid(l2=strengths.tolist())]
            found.append(jn.fit_many(fit, inputs, axes).scores["r2"].mean(axis=-1))
        return np.reshape(found, -1)

    def score(predict, s: int, test: np.ndarray) -> float:
        truth = y[s][test]
        return float(np.mean(1 - ((predict(x[s][test]) - truth) ** 2).sum(0)
                             / ((truth - truth.mean(0)) ** 2).sum(0)))  # fmt: skip

    contestants = [
        Contestant("jaxneuro, condensed", ours),
        Contestant("jaxneuro, all samples", ours_in_time),
    ]
    if find("sklearn") is not None:
        from sklearn.linear_model import Ridge

        def loop() -> np.ndarray:
            found = []
            for s in range(subjects):
                for test in tests:
                    train_x, train_y = x[s][~test], y[s][~test]
                    for l2 in strengths:
                        alpha = l2 * outputs * len(train_x)  # our loss is the mean over outputs
                        model = Ridge(alpha=alpha).fit(train_x, train_y)
                        found.append(score(model.predict, s, test))
            return np.array(found)

        contestants.append(Contestant("sklearn Ridge loop", loop, compiles=False))
    torch = find_torch()
    if torch is not None:
        few = 2 if not quick else 10

        def descend() -> np.ndarray:
            found = np.full(subjects * folds * len(strengths), np.nan)
            test = tests[0]
            inputs, target = torch.tensor(x[0][~test]), torch.tensor(y[0][~test])
            for i, l2 in enumerate(strengths[:few]):
                model = torch.nn.Linear(features, outputs)
                # The article's decoder: mean squared error; its penalty is ½·l2 of ours, twice.
                optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
                for _ in range(_STEPS):
                    loss = torch.nn.functional.mse_loss(model(inputs), target)
                    loss = 0.5 * loss + 0.5 * l2 * model.weight.square().sum()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                with torch.no_grad():
                    weight, bias = (p.detach().cpu().numpy() for p in (model.weight, model.bias))
                    found[i] = score(lambda a: a @ weight.T + bias, 0, test)  # noqa: B023
            return found

        share = few / (subjects * folds * len(strengths))
        contestants.append(Contestant("pytorch loop", descend, share=share, compiles=False))

    return Case(
        name="linear_decoder",
        work=f"{subjects} subjects × {folds} folds × {len(strengths)} penalties, T={samples}, "
        f"{features} features, {outputs} outputs",
        contestants=contestants,
        fits=subjects * folds * len(strengths),
        quality=lambda found: float(found.mean()),
        quality_name="mean held-out R²",
        disagree=difference_where_run,
        differ_name="largest difference of a held-out R²",
        at_least={"pytorch loop": 20.0, "sklearn Ridge loop": 3.0},
        aim={"pytorch loop": 100.0},
    )
