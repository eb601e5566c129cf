"""Can the statistics be trusted? Each on data of known truth: what is asked, what is seen."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

import jaxneuro as jn
from experiments.runs import command_line
from jaxneuro import axes, losses, metrics, models, optimizers, splits, statistics
from jaxneuro.statistics.distributions import t_cdf

TARGETS = 50  # data sets that share x; as many x as it takes


@dataclass
class Options:
    """Print how often tests are wrong and intervals miss, on data of known truth.

    About four minutes on two cores; nothing is downloaded.
    """

    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """A tenth of the data sets, for a smoke test: the figures mean little."""


class Row(NamedTuple):
    """A line of the table: what, the least and most that is asked, and what is seen."""

    what: str
    least: float
    most: float
    seen: float

    @property
    def holds(self) -> bool:
        return self.least <= self.seen <= self.most


def main(options: Options) -> list[Row]:
    """Runs everything, prints the table as it grows and returns its rows."""
    rows, begun = [], time.perf_counter()
    print(f"{'':66s}{'asked':>14s}{'seen':>9s}")
    for run in (
        permutation, shift, sign_flip, corrected_t, family_wise, discoveries, wald, bootstrap,
        sequential,
    ):  # fmt: skip
        for row in run(np.random.default_rng(options.seed), 2 if options.quick else 20):
            rows.append(row)
            asked = f"{row.least:g} to {row.most:g}" if row.most < np.inf else f"≥ {row.least:g}"
            print(
                f"{row.what:66s}{asked:>14s}{row.seen:9.3f}{'' if row.holds else '  *'}", flush=True
            )
    missed = sum(not row.holds for row in rows)
    told = " (--quick: they may)" if options.quick else ""
    print(f"{missed} of {len(rows)} outside (*){told}, {time.perf_counter() - begun:.0f} s")
    return rows


def permutation(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """Decoders and encoders of noise: cross-validated correlation, permuted."""
    samples = 80
    inputs = _recordings(sets, lambda: rng.normal(size=(samples, 2)),
                         lambda _: rng.normal(size=(samples, TARGETS)))  # fmt: skip
    folds = axes.folds(splits.k_fold(samples, 2))
    p = _null(inputs, sets, axes.permutations(199), folds)
    yield from _uniform("permutations, 2 folds", p)


def shift(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """Stimulus and response are two AR(1) series of a memory of ten samples, unrelated."""
    time_ = 4096
    inputs = _recordings(sets, lambda: _series(rng, time_, 1),
                         lambda _: _series(rng, time_, TARGETS))  # fmt: skip
    half = axes.folds(splits.holdout(np.arange(time_) >= time_ // 2))
    p = _null(inputs, sets, axes.shifts(199, 20), half)
    yield from _uniform("shifts, AR(1) of ρ = .9", p)


def sign_flip(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """Differences of two models that are as good: of 30 subjects, and of 40 blocks of a series."""
    subjects = rng.laplace(size=(30, sets * TARGETS))
    yield from _uniform("sign flips, 30 subjects", statistics.sign_flip(subjects).p)
    series = _series(rng, 10_000, sets * TARGETS)
    blocks = np.arange(10_000) // 250  # neighbours are correlated by .02
    p = statistics.sign_flip(series, blocks, resamples=2000).p
    yield from _uniform("sign flips of blocks, AR(1) of ρ = .9", p)


def corrected_t(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """Two models that see half of the signal each, scored on ten random splits."""
    samples = 400
    inputs = _recordings(sets, lambda: rng.normal(size=(samples, 2)),
                         lambda x: 0.5 * x.sum(axis=1, keepdims=True)
                         + rng.normal(size=(samples, TARGETS)))  # fmt: skip
    orders = [rng.permutation(samples) for _ in range(10)]
    folds = axes.folds([(o[80:], o[:80]) for o in orders], samples=samples)
    halves = axes.ablations([[1, 0], [0, 1]])
    fits = jn.fit_many(_fit(metrics.mean_squared_error), inputs,
                       [axes.subjects(sets), axes.targets(TARGETS), halves, folds],
                       keep="scores")  # fmt: skip
    score = fits.score()
    difference = np.moveaxis(score[:, :, 0] - score[:, :, 1], -1, 0)
    yield from _uniform("corrected t, 10 random splits",
                        statistics.corrected_t(difference, 320, 80).p)  # fmt: skip


def family_wise(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """Families of 200 correlated targets without effect: any rejection at all is false."""
    wrong = {False: 0, True: 0}
    for _ in range(20 * sets):
        y = rng.normal(size=(60, 200)) + rng.normal(size=(60, 1))
        observed, null = _correlations(rng, rng.normal(size=60), y, 199)
        for step_down in wrong:
            p = statistics.family_wise(observed, null, step_down=step_down)
            wrong[step_down] += bool((p <= 0.05).any())
    for step_down, count in wrong.items():
        name = "step-down" if step_down else "single step"
        yield Row(f"maximum statistic, {name}: families with any false", 0.03, 0.07,
                  count / (20 * sets))  # fmt: skip


def discoveries(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """1 000 targets of which 200 are real, p by permutations; against p by Student's t."""
    false, power = [], []
    for _ in range(sets):
        x, y = rng.normal(size=100), rng.normal(size=(100, 1000))
        y[:, :200] += 0.5 * x[:, None]
        observed, null = _correlations(rng, x, y, 1999)
        found = statistics.fdr(statistics.p_values(observed, null)) <= 0.1
        t = observed * np.sqrt(98 / (1 - observed**2))
        best = statistics.fdr(1 - t_cdf(t, 98)) <= 0.1
        false.append(found[200:].sum() / max(found.sum(), 1))
        power.append(found[:200].sum() / max(best[:200].sum(), 1))
    yield Row("FDR .1, 200 of 1 000 real: false share", 0, 0.11, float(np.mean(false)))
    yield Row("  power, over that by true p", 0.9, np.inf, float(np.mean(power)))


def wald(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """Intervals of the weights of Poisson GLMs; and where counts vary more than Poisson's."""
    inputs, truth, every = _glms(rng, sets)
    fits = jn.fit_many(_fit(metrics.correlation, losses.poisson), inputs, every)
    yield _covered("Wald, Poisson GLM", statistics.wald(fits, inputs).kernel, truth)
    inputs, truth, every = _glms(rng, sets, 512, noise=0.7)
    fits = jn.fit_many(_fit(metrics.correlation, losses.poisson), inputs, every)
    robust = statistics.wald(fits, inputs, sandwich=True)
    yield _covered("Wald, sandwich, overdispersed counts", robust.kernel, truth)


def bootstrap(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """The same intervals by 500 resamples of the samples, each of them fitted."""
    inputs, truth, every = _glms(rng, sets)
    fit = _fit(metrics.correlation, losses.poisson)
    for method in ("percentile", "bca"):
        found = statistics.bootstrap_fits(fit, inputs, every, _weights, resamples=500,
                                          method=method)  # fmt: skip
        yield _covered(f"bootstrap, {method}, Poisson GLM", found, truth)


def sequential(rng: np.random.Generator, sets: int) -> Iterator[Row]:
    """500 neurons of which half are noise, up to 10 000 permutations; verdicts against all."""
    samples, neurons, most = 64, 25 * sets, 10_000
    x, y = rng.normal(size=(samples, 1)), rng.normal(size=(samples, neurons))
    y[:, : neurons // 2] += 0.8 * x
    inputs = jn.make_inputs(x, y)
    null, held_out = axes.permutations(most), np.arange(samples) >= samples // 2
    every = [axes.targets(neurons), null, axes.folds(splits.holdout(held_out))]
    found = statistics.sequential(_fit(metrics.correlation), inputs, every)
    yield Row("sequential, 500 neurons: fits of all, over fits run", 4, np.inf,
              (found.fits + found.saved) / found.fits)  # fmt: skip
    scores = _held_out_correlations(inputs, null, ~held_out)
    whole = statistics.p_values(scores[0], scores[1:])
    apart = (whole <= 0.05) != (found.p <= 0.05)
    error = 3 * np.sqrt(0.05 * 0.95 / most)
    yield Row("  other verdicts at .05 than by all, beyond Monte-Carlo error", 0, 0,
              float((apart & (np.abs(whole - 0.05) > error)).sum()))  # fmt: skip


def _fit(score: Callable, loss: losses.Loss = losses.half_squared_error) -> jn.Fit:
    return jn.make_fit(
        models.linear(), loss, optimizers.lbfgs(), stop=jn.Stop(gradient=1e-4),
        scores={"score": score},
    )  # fmt: skip


def _recordings(sets: int, draw_x: Callable, draw_y: Callable) -> jn.Inputs:
    """Data sets that share their x in groups of TARGETS."""
    drawn = [(x, draw_y(x)) for x in (draw_x() for _ in range(sets))]
    return jn.stack_subjects([jn.make_inputs(x, y) for x, y in drawn])


def _null(inputs: jn.Inputs, sets: int, null: jn.Axis, folds: jn.Axis) -> np.ndarray:
    every = [axes.subjects(sets), axes.targets(TARGETS), null, folds]
    fits = jn.fit_many(_fit(metrics.correlation), inputs, every, keep="scores")
    return statistics.against_null(fits, null.name).p


def _uniform(what: str, p: np.ndarray) -> Iterator[Row]:
    from scipy.stats import kstest

    p = p.ravel()
    yield Row(f"{what}: share of p ≤ .05", 0.035, 0.065, float((p <= 0.05).mean()))
    yield Row("  Kolmogorov–Smirnov p of uniform p", 0.01, 1, float(kstest(p, "uniform").pvalue))


def _covered(what: str, found, truth: np.ndarray) -> Row:
    inside = (found.low <= truth) & (truth <= found.high)
    return Row(f"{what}: 95 % intervals with the truth", 0.93, 0.97, float(inside.mean()))


def _weights(params):
    return params["readout"]["kernel"][:, 0]


def _glms(rng: np.random.Generator, sets: int, samples: int = 256, noise: float = 0.0):
    """Counts with a log-rate that is linear in two features, plus noise; the true weights."""
    truth = rng.normal(0, 0.3, (sets, TARGETS, 2))

    def counts(x: np.ndarray, own: np.ndarray) -> np.ndarray:
        extra = rng.gamma(1 / noise**2, noise**2, (len(x), TARGETS)) if noise else 1.0
        return rng.poisson(np.exp(1 + x @ own.T) * extra)

    x = [rng.normal(size=(samples, 2)) for _ in range(sets)]
    parts = [jn.make_inputs(a, counts(a, own)) for a, own in zip(x, truth, strict=True)]
    return jn.stack_subjects(parts), truth, [axes.subjects(sets), axes.targets(TARGETS)]


def _series(rng: np.random.Generator, time_: int, columns: int) -> np.ndarray:
    """AR(1) of ρ = .9, (time, column)."""
    drawn = rng.normal(size=(time_ + 100, columns))
    for t in range(1, len(drawn)):
        drawn[t] += 0.9 * drawn[t - 1]
    return drawn[100:]


def _correlations(rng: np.random.Generator, x, y, permutations: int):
    """Of x (sample,) with each column of y, as observed and with x in random order."""
    x, y = (x - x.mean()) / x.std(), (y - y.mean(axis=0)) / y.std(axis=0)
    orders = np.stack([x, *(rng.permutation(x) for _ in range(permutations))])
    found = orders @ y / len(x)
    return found[0], found[1:]


def _held_out_correlations(inputs: jn.Inputs, null: jn.Axis, fitted: np.ndarray) -> np.ndarray:
    """(permutation, target) what least squares of one feature predicts, by its formula."""
    select = jax.jit(jax.vmap(lambda index: null.select(inputs, index).y))
    x = np.asarray(inputs.x)[:, 0]
    a, b = (x[part] - x[part].mean() for part in (fitted, ~fitted))
    found = []
    for indices in np.array_split(np.arange(null.size), 200):
        y = np.asarray(select(indices))
        rest = y[:, ~fitted] - y[:, ~fitted].mean(axis=1, keepdims=True)
        along = np.einsum("s,pst->pt", b, rest) / np.sqrt((b**2).sum() * (rest**2).sum(axis=1))
        found.append(np.sign(np.einsum("s,pst->pt", a, y[:, fitted])) * along)
    return np.concatenate(found)


if __name__ == "__main__":
    command_line(Options, main, None)
