"""Calls that run fits and reduce: GLM errors against statsmodels, bootstraps, sequential tests."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import statsmodels.api as sm

import jaxneuro as jn
from jaxneuro import axes, losses, metrics, models, optimizers, splits, statistics
from jaxneuro.statistics.draws import make_axis, make_draws
from jaxneuro.types import Axis

SAMPLES, FEATURES, TARGETS, LANES = 240, 3, 4, 64


def glm(loss, **more):
    return jn.make_fit(
        models.linear(more.pop("outputs", None)), loss, optimizers.lbfgs(),
        stop=jn.Stop(gradient=1e-6, plateau=40, max_steps=200),
        scores={"r": metrics.correlation}, **more,
    )  # fmt: skip


LINEAR = glm(losses.half_squared_error)
FAMILIES = {
    "poisson": (losses.poisson, sm.families.Poisson()),
    "bernoulli": (losses.bernoulli, sm.families.Binomial()),
    "gaussian": (losses.squared_error, sm.families.Gaussian()),
    "gamma": (losses.gamma, sm.families.Gamma(sm.families.links.Log())),
}


def many(fit, inputs, every=(), **more):
    """With one number of lanes, so that tests share their programs."""
    return jn.fit_many(fit, inputs, every, **{"lanes": LANES, **more})


def recording(family="gaussian", seed=0):
    """x (sample, feature), y (sample, target) with missing values."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SAMPLES, FEATURES))
    x[:, 1] += x[:, 0]
    eta = x @ rng.normal(0, 0.4, (FEATURES, TARGETS))
    if family == "poisson":
        y = rng.poisson(np.exp(eta)).astype(float)
    elif family == "gamma":
        y = np.exp(eta) * rng.gamma(3, 0.1, eta.shape)
    elif family == "bernoulli":
        y = (rng.random(eta.shape) < 1 / (1 + np.exp(-eta))).astype(float)
    else:
        y = 3 + eta + rng.normal(size=eta.shape)
    y[:7, 0] = np.nan
    return x, y


class TestWald:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_is_statsmodels(self, family):
        loss, theirs = FAMILIES[family]
        x, y = recording(family)
        inputs, folds = jn.make_inputs(x, y), splits.k_fold(SAMPLES, 2, seed=0)
        fits = many(glm(loss), inputs, [axes.targets(TARGETS), axes.folds(folds)])
        plain = statistics.wald(fits, inputs)
        robust = statistics.wald(fits, inputs, sandwich=True)
        assert plain.kernel.estimate.shape == (TARGETS, 2, FEATURES)
        assert plain.bias.p.shape == plain.aic.shape == (TARGETS, 2)
        for k, fold in np.ndindex(TARGETS, 2):
            used = (folds.train[fold] > 0) & ~np.isnan(y[:, k])
            model = sm.GLM(y[used, k], sm.add_constant(x[used]), family=theirs)
            own = model.fit(tol=1e-12)
            sandwich = model.fit(tol=1e-12, cov_type="HC0")
            for found, expected in ((plain, own.bse), (robust, sandwich.bse)):
                errors = np.r_[
                    found.bias.standard_error[k, fold], found.kernel.standard_error[k, fold]
                ]
                np.testing.assert_allclose(errors, expected, rtol=1e-4)
            at = (k, fold)
            np.testing.assert_allclose(plain.aic[at], own.aic, rtol=1e-5)
            np.testing.assert_allclose(plain.bic[at], own.bic_llf, rtol=1e-5)
            np.testing.assert_allclose(plain.dispersion[at], own.pearson_chi2 / own.df_resid, 1e-4)
            reach = plain.kernel.high[at] - plain.kernel.estimate[at]
            np.testing.assert_allclose(reach, 1.959964 * own.bse[1:], rtol=1e-4)
            np.testing.assert_allclose(plain.kernel.p[at], own.pvalues[1:], atol=1e-3)
            assert plain.samples[at] == used.sum()

    def test_of_odd_units_several_outputs_and_subjects(self):
        x, y = recording()
        unit, offset = np.array([1e-13, 1, 1e3]), np.array([0, 1e6, 0])
        fit = glm(losses.half_squared_error, outputs=TARGETS, standardise=True, precondition=True)
        stacked = [jn.make_inputs(x * unit + offset, y + 1e5), jn.make_inputs(x[::-1] * 2, y[::-1])]
        stacked = jn.stack_subjects(stacked)
        found = statistics.wald(many(fit, stacked, [axes.subjects(2)]), stacked)
        assert found.kernel.estimate.shape == (2, FEATURES, TARGETS)
        for subject, design in enumerate((x * unit + offset, 2 * x)):
            for k in range(TARGETS):
                used = ~np.isnan(y[:, k])
                scale = design.std(axis=0)
                centred = (design - design.mean(axis=0))[used] / scale
                own = sm.OLS(y[used, k], sm.add_constant(centred)).fit()
                own = own.bse[1:] / scale
                np.testing.assert_allclose(
                    found.kernel.standard_error[subject, :, k], own, rtol=1e-3
                )

    def test_features_left_out_and_silent_targets(self):
        x, y = recording("poisson")
        x[:, 2], y[:, 1] = 0, 0  # nothing to learn from, a silent neuron
        inputs = jn.make_inputs(x, y, held_out=np.arange(SAMPLES) < 20)
        kept = axes.ablations([[1, 1, 1], [1, 0, 1]])
        fits = many(glm(losses.poisson), inputs, [axes.targets(TARGETS), kept])
        found = statistics.wald(fits, inputs)
        assert np.isnan(found.kernel.standard_error[:, :, 2]).all()
        assert np.isnan(found.kernel.standard_error[:, 1, 1]).all()
        silent = found.kernel.standard_error[1, 0, :2]
        assert (np.isnan(silent) | (silent > 100)).all()  # nothing is known of it
        assert np.isfinite(found.kernel.standard_error[[0, 2, 3], 0, :2]).all()
        parameters = found.aic / 2 + found.log_likelihood
        np.testing.assert_allclose(parameters[0], [3, 2], atol=1e-6)

    def test_repeats_the_draws_of_a_bootstrap(self):
        """Weights are those that were fitted, although the engine pads what it fits."""
        x, y = recording()
        inputs = jn.make_inputs(x, y)
        fits = many(LINEAR, inputs, [axes.targets(TARGETS), axes.bootstraps(3)])
        found = statistics.wald(fits, inputs)
        np.testing.assert_array_equal(found.samples[1:], SAMPLES)
        least = (
            found.dispersion * (SAMPLES - FEATURES - 1) / SAMPLES
        )  # mean square by these weights
        np.testing.assert_allclose(least[1:], 2 * fits.loss[1:], rtol=1e-4)

    def test_refuses_what_it_cannot_say(self):
        x, y = recording()
        inputs, every = jn.make_inputs(x, y), [axes.targets(TARGETS), axes.bootstraps(3)]
        fits = many(LINEAR, inputs, every)
        deep = jn.make_fit(models.mlp((2,)), losses.half_squared_error, optimizers.lbfgs())
        unknown = glm(lambda prediction, y: (prediction - y) ** 4)

        def doubled(inputs, index):
            return inputs._replace(x=inputs.x * (1 + index))

        changing = (every[0], Axis("scale", 3, doubled))
        for told, other in (
            ("keep", replace(fits, params=None)),
            ("not linear", replace(fits, fit=deep)),
            ("curvature", replace(fits, fit=unknown)),
            ("outer", replace(fits, row_axes=changing)),
        ):
            with pytest.raises(ValueError, match=told):
                statistics.wald(other, inputs)
        with pytest.raises(ValueError, match="level is 1"):
            statistics.wald(fits, inputs, level=1)


class TestBootstrap:
    def test_of_a_mean_is_its_standard_error(self):
        values = np.random.default_rng(0).normal(3, 2, (200, 30))
        found = statistics.bootstrap(
            lambda v, weight: weight @ v / weight.sum(), values, resamples=800
        )
        np.testing.assert_allclose(found.estimate, values.mean(axis=0), rtol=1e-5)
        theory = values.std(axis=0) / np.sqrt(200)
        np.testing.assert_allclose(found.standard_error, theory, rtol=0.15)
        covers = (found.low <= 3) & (found.high >= 3)
        assert covers.mean() > 0.8

    def test_takes_any_metric_and_weights(self):
        rng = np.random.default_rng(0)
        y = rng.normal(size=(100, 2))
        prediction, weight = y + rng.normal(size=y.shape), np.arange(100) < 60
        found = statistics.bootstrap(metrics.r2, y, prediction, weight=weight, resamples=100)
        alone = metrics.r2(y[:60], prediction[:60])
        np.testing.assert_allclose(found.estimate, alone, rtol=1e-5)
        labels = np.arange(100) % 2
        scores = rng.normal(size=(100, 2))
        scores[np.arange(100), labels] += 1
        found = statistics.bootstrap(metrics.accuracy, labels, scores, resamples=100)
        assert found.low < found.estimate < found.high

    @pytest.mark.parametrize("method", ["bca", "percentile"])
    def test_groups_and_blocks_see_what_samples_do_not(self, method):
        rng = np.random.default_rng(0)
        groups = np.arange(400) // 20
        values = rng.normal(size=(20, 40))[groups] + 0.1 * rng.normal(size=(400, 40))

        def mean(v, weight):
            return weight @ v / weight.sum()

        def error(**how):
            more = {"resamples": 300, "method": method, **how}
            return statistics.bootstrap(mean, values, **more).standard_error.mean()

        assert error() < 0.08
        assert error(groups=groups) == pytest.approx(1 / np.sqrt(20), rel=0.15)
        assert error(length=60) == pytest.approx(1 / np.sqrt(20), rel=0.25)

    def test_bad_input_is_named(self):
        def total(v, weight):
            return weight @ v

        ones = np.ones(5)
        with pytest.raises(ValueError, match="each must be"):
            statistics.bootstrap(total, ones, np.ones(4))
        with pytest.raises(ValueError, match="method"):
            statistics.bootstrap(total, ones, method="normal")
        with pytest.raises(ValueError, match="both given"):
            statistics.bootstrap(total, ones, groups=ones, length=2)
        with pytest.raises(ValueError, match="length is 9"):
            statistics.bootstrap(total, ones, length=9)
        with pytest.raises(ValueError, match="groups has shape"):
            statistics.bootstrap(total, ones, groups=np.ones(3))
        with pytest.raises(ValueError, match="weight"):
            statistics.bootstrap(total, ones, weight=np.zeros(5))
        with pytest.raises(ValueError, match="resamples is 0"):
            statistics.bootstrap(total, ones, resamples=0)


class TestDraws:
    @pytest.mark.parametrize(
        "how", [{}, {"length": 4}, {"groups": np.repeat(np.arange(8), 4)}], ids=str
    )
    def test_weights_of_every_change(self, how):
        x, weight = np.zeros((32, 1)), np.ones(32)
        weight[[3, 4, 5, 20]] = 0
        inputs = jn.make_inputs(x, np.zeros(32), weight=weight)
        draws = make_draws(32, 6, how.get("groups"), how.get("length"), jackknife=True, seed=0)
        axis = make_axis(draws, "resample")
        every = jax.jit(jax.vmap(lambda i: axis.select(inputs, i).weight))
        found = np.asarray(every(np.arange(axis.size)))
        np.testing.assert_array_equal(found[0], weight)
        assert (found[:, weight == 0] == 0).all()
        assert len({tuple(row) for row in found[1:7]}) == 6
        if "groups" not in how:
            np.testing.assert_array_equal(found[1:7].sum(axis=1), weight.sum())
        left_out = weight - found[7:]
        np.testing.assert_array_equal(left_out.sum(axis=0), weight)  # each once
        assert len(left_out) == (8 if "groups" in how else 32)
        if "groups" in how:
            by_group = found.reshape(len(found), 8, 4)
            assert all(len(set(row[row > 0])) <= 1 for row in by_group.reshape(-1, 4))

    def test_blocks_hang_together(self):
        draws = make_draws(1000, 20, None, 50, jackknife=False, seed=0)
        every = jax.jit(jax.vmap(lambda i: draws.weights(np.ones(1000), i)))
        weights = every(np.arange(1, 21))
        changes = (np.diff(np.asarray(weights), axis=1) != 0).sum(axis=1)
        assert changes.max() <= 2 * 20 + 1


class TestBootstrapFits:
    def test_parameters_scores_and_functions(self):
        x, y = recording()
        inputs = jn.make_inputs(x, y)
        folds = axes.folds(splits.k_fold(SAMPLES, 2, seed=0))
        every = [axes.targets([1, 2]), folds]
        options = {"resamples": 60, "lanes": LANES}
        found = statistics.bootstrap_fits(LINEAR, inputs, every, **options)
        fits = many(LINEAR, inputs, every)
        kernel = found.estimate["readout"]["kernel"]
        np.testing.assert_allclose(kernel, fits.params["readout"]["kernel"], rtol=1e-4)
        wald = statistics.wald(fits, inputs).kernel.standard_error
        error = found.standard_error["readout"]["kernel"][..., 0]
        np.testing.assert_allclose(error, wald, rtol=0.45)
        assert (found.low["readout"]["kernel"] < found.high["readout"]["kernel"]).all()

        def first(params):
            return {"first": params["readout"]["kernel"][0, 0]}

        own = statistics.bootstrap_fits(
            LINEAR, inputs, every, first, method="percentile", **options
        )
        np.testing.assert_allclose(own.estimate["first"], kernel[..., 0, 0], rtol=1e-5)
        np.testing.assert_allclose(own.standard_error["first"], error[..., 0], rtol=1e-4)
        scored = statistics.bootstrap_fits(LINEAR, inputs, every, "r", **options)
        assert scored.estimate.shape == (2, 2)
        np.testing.assert_allclose(scored.estimate, fits.scores["r"], rtol=1e-4)
        with pytest.raises(ValueError, match="has the scores"):
            statistics.bootstrap_fits(LINEAR, inputs, every, "r2")

    def test_a_fit_that_fails_is_left_out(self):
        x, y = recording("poisson")
        y[:, 0] = -1  # impossible
        inputs = jn.make_inputs(x, y, held_out=np.arange(SAMPLES) < 20)
        with pytest.warns(UserWarning, match="bad_data"):
            found = statistics.bootstrap_fits(
                glm(losses.poisson), inputs, [axes.targets(TARGETS)], None,
                resamples=8, method="percentile", lanes=LANES,
            )  # fmt: skip
        low = found.low["readout"]["kernel"]
        assert np.isnan(low[0]).all() and np.isfinite(low[1:]).all()


def null_test(samples=60, targets=12, most=400):
    """Half of the targets follow x."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 1))
    y = rng.normal(size=(samples, targets))
    y[:, : targets // 2] += 0.9 * x
    inputs, folds = jn.make_inputs(x, y), axes.folds(splits.k_fold(samples, 2, seed=0))
    return inputs, [axes.targets(targets), axes.permutations(most), folds]


SIMPLE = jn.make_fit(
    models.linear(), losses.half_squared_error, optimizers.lbfgs(), stop=jn.Stop(gradient=1e-4),
    scores={"error": metrics.mean_squared_error, "r": metrics.correlation},
)  # fmt: skip


class TestSequential:
    def test_verdicts_are_those_of_all_permutations(self):
        inputs, every = null_test()
        full = many(SIMPLE, inputs, every, keep="scores")
        for score in ("r", "error"):
            whole = statistics.against_null(full, "permutation", score)
            found = statistics.sequential(SIMPLE, inputs, every, score=score, lanes=LANES)
            np.testing.assert_allclose(found.observed, whole.observed)
            sure = np.abs(whole.p - 0.05) > 0.03
            np.testing.assert_array_equal((found.p <= 0.05)[sure], (whole.p <= 0.05)[sure])
            assert found.fits + found.saved == len(full) and found.saved > found.fits
            for k, n in enumerate(found.permutations):  # the same permutations as in the full test
                sign = 1 if score == "r" else -1
                better = sign * (whole.null[:n, k] - whole.observed[k]) >= 0
                assert better.sum() == found.exceedances[k]

    def test_besag_and_clifford_give_small_p_all_permutations(self):
        inputs, every = null_test()
        found = statistics.sequential(
            SIMPLE, inputs, every, alpha=None, exceedances=5, score="r", lanes=LANES
        )
        real = found.exceedances < 5
        assert (found.permutations[real] == 400).all() and real[:6].all()
        np.testing.assert_allclose(found.p[real], (found.exceedances[real] + 1) / 401)
        assert (found.permutations[6:] < 400).any() and (found.p[~real] > 0.01).all()

    def test_resumes_to_the_same_bits(self, tmp_path, capsys):
        inputs, every = null_test()
        options = {"score": "r", "out": tmp_path, "lanes": LANES}
        first = statistics.sequential(SIMPLE, inputs, every, progress=True, **options)
        told = capsys.readouterr().err
        assert "64 permutations:" in told and "of 12 targets are open" in told
        batches = sorted(tmp_path.iterdir())
        assert batches[0].name == "batch-000" and len(batches) > 1
        for path in batches[-1].glob("chunk-*"):
            path.unlink()  # as if it had been stopped there
        again = statistics.sequential(SIMPLE, inputs, every, **options)
        for name in ("observed", "p", "exceedances", "permutations", "settled"):
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))

    def test_targets_of_several_axes_and_undefined_ones(self):
        inputs, every = null_test(most=100)
        inputs = inputs._replace(y=inputs.y.at[:, 3].set(1.0))  # constant: no correlation
        options = {"mean": (), "batch": 50, "score": "r", "lanes": LANES}
        found = statistics.sequential(SIMPLE, inputs, every, **options)
        assert found.p.shape == (12, 2)
        assert np.isnan(found.p[3]).all() and (found.permutations[3] == 0).all()
        assert found.settled[3].all() and np.isfinite(np.delete(found.p, 3, axis=0)).all()

    def test_bad_input_is_named(self):
        inputs, every = null_test(most=10)

        def run(null="permutation", **more):
            return statistics.sequential(SIMPLE, inputs, every, null, **{"score": "r", **more})

        with pytest.raises(ValueError, match="null is 'shift': the axes are"):
            run("shift")
        with pytest.raises(ValueError, match="score is 'r2'"):
            run(score="r2")
        with pytest.raises(ValueError, match="score is None"):
            run(score=None)
        with pytest.raises(ValueError, match="alpha is 5"):
            run(alpha=5)
        with pytest.raises(ValueError, match="batch is 0"):
            run(batch=0)
        with pytest.raises(ValueError, match="observed index only"):
            statistics.sequential(SIMPLE, inputs, [every[0], axes.seeds(1)], "seed", score="r")


def test_against_null_is_p_values_of_the_scores():
    inputs, every = null_test(most=50)
    fits = many(SIMPLE, inputs, every, keep="scores")
    found = statistics.against_null(fits, "permutation", "r")
    scores = fits.scores["r"].mean(axis=2)
    np.testing.assert_allclose(found.observed, scores[:, 0])
    np.testing.assert_allclose(found.p, statistics.p_values(scores[:, 0], scores[:, 1:].T))
    error = statistics.against_null(fits, "permutation", "error")
    assert (error.p[:6] < 0.1).all() and (error.observed > 0).all()
    np.testing.assert_allclose(found.q, statistics.fdr(found.p))
    assert (found.family_wise >= found.p).all()
    folds = statistics.against_null(fits, "permutation", "r", mean=())
    assert folds.p.shape == (12, 2)
    with pytest.raises(ValueError, match="axis is 'shift'"):
        statistics.against_null(fits, "shift", "r")
    with pytest.raises(ValueError, match="which score"):
        statistics.against_null(fits, "permutation")
