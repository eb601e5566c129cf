"""Arrays in, p-values and intervals out: oracles, calibration in small, NaN, bad input."""

import itertools

import numpy as np
import pytest
import scipy.stats as st
from statsmodels.stats.multitest import multipletests

from jaxneuro import axes, statistics
from jaxneuro.statistics import distributions
from jaxneuro.statistics.stopping import make_rule


def nulls(targets=40, resamples=199, real=0, seed=0):
    """Observed (target) and null (resample, target) of correlated targets, some of them real."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(resamples + 1, targets)) + rng.normal(size=(resamples + 1, 1))
    values[0, :real] += 4
    return values[0], values[1:]


class TestPValues:
    def test_are_ranks(self):
        observed, null = nulls()
        p = statistics.p_values(observed, null)
        np.testing.assert_array_equal(p, ((null >= observed).sum(axis=0) + 1) / 200)
        less = statistics.p_values(observed, null, alternative="less")
        np.testing.assert_allclose(p + less, 201 / 200)
        two = statistics.p_values(observed, null, alternative="two-sided")
        np.testing.assert_allclose(two, np.minimum(2 * np.minimum(p, less), 1))

    def test_ties_count_against(self):
        assert statistics.p_values(1.0, np.ones(9)) == 1.0
        assert statistics.p_values(2.0, np.ones(9)) == 0.1

    def test_shapes_of_targets(self):
        observed, null = nulls(12)
        p = statistics.p_values(observed.reshape(3, 4), null.reshape(-1, 3, 4))
        np.testing.assert_array_equal(p.ravel(), statistics.p_values(observed, null))
        for function in (statistics.p_values, statistics.family_wise):
            assert function(observed[0], null[:, 0]).shape == ()

    def test_are_uniform_without_effect(self):
        rng = np.random.default_rng(1)
        p = statistics.p_values(rng.normal(size=2000), rng.normal(size=(199, 2000)))
        assert 0.035 < (p <= 0.05).mean() < 0.065
        assert st.kstest(p, "uniform").pvalue > 0.01

    def test_nan_counts_for_nobody(self):
        observed, null = nulls()
        observed[3], null[:, 4], null[:50, 5] = np.nan, np.nan, np.nan
        p = statistics.p_values(observed, null)
        assert np.isnan(p[[3, 4]]).all()
        assert p[5] == ((null[50:, 5] >= observed[5]).sum() + 1) / 150
        for step_down in (False, True):
            whole = statistics.family_wise(observed, null, step_down=step_down)
            rest = np.delete(np.arange(40), [3, 4])
            alone = statistics.family_wise(observed[rest], null[:, rest], step_down=step_down)
            np.testing.assert_array_equal(whole[rest], alone)
            assert np.isnan(whole[[3, 4]]).all()
        assert np.isnan(statistics.family_wise(observed * np.nan, null)).all()

    @pytest.mark.parametrize("function", [statistics.p_values, statistics.family_wise])
    def test_bad_input_is_named(self, function):
        observed, null = nulls(3)
        with pytest.raises(ValueError, match=r"null has shape \(199, 2\)"):
            function(observed, null[:, :2])
        with pytest.raises(ValueError, match="not empty"):
            function(observed, null[:0])
        with pytest.raises(
            ValueError, match=r"observed has 1 infinite values, the first at \(0,\)"
        ):
            function(np.array([np.inf, 0, 0]), null)
        with pytest.raises(ValueError, match="null has 1 infinite"):
            function(observed, np.where(null == null[2, 1], -np.inf, null))
        with pytest.raises(ValueError, match="dtype"):
            function(["a", "b", "c"], null)

    def test_alternative_is_checked(self):
        with pytest.raises(ValueError, match="alternative"):
            statistics.p_values(*nulls(), alternative="more")


class TestFamilyWise:
    def test_single_step_is_the_maximum(self):
        observed, null = nulls(real=5)
        p = statistics.family_wise(observed, null)
        expected = [((null.max(axis=1) >= o).sum() + 1) / 200 for o in observed]
        np.testing.assert_array_equal(p, expected)

    def test_step_down_is_westfall_and_youngs(self):
        observed, null = nulls(12, real=4)
        found = statistics.family_wise(observed, null, step_down=True)
        order, last = np.argsort(-observed), 0.0
        for place, target in enumerate(order):  # their algorithm 4.1, one target at a time
            greatest = null[:, order[place:]].max(axis=1)
            last = max(last, ((greatest >= observed[target]).sum() + 1) / 200)
            assert found[target] == last
        single = statistics.family_wise(observed, null)
        assert (found <= single).all() and (found >= statistics.p_values(observed, null)).all()

    def test_controls_any_false_one(self):
        wrong = [(statistics.family_wise(*nulls(30, 99, seed=s)) <= 0.05).any() for s in range(400)]
        assert 0.02 < np.mean(wrong) < 0.08


class TestFdr:
    @pytest.mark.parametrize(("dependent", "name"), [(False, "fdr_bh"), (True, "fdr_by")])
    def test_is_statsmodels(self, dependent, name):
        p = np.random.default_rng(0).random(50) ** 3
        p[7] = p[8]  # a tie
        expected = multipletests(p, method=name)[1]
        np.testing.assert_allclose(statistics.fdr(p, dependent=dependent), expected)
        shaped = statistics.fdr(p.reshape(5, 10), dependent=dependent)
        np.testing.assert_allclose(shaped.ravel(), expected)
        holes = np.r_[np.nan, p, np.nan]
        np.testing.assert_allclose(statistics.fdr(holes, dependent=dependent)[1:-1], expected)
        assert np.isnan(statistics.fdr(holes)[[0, -1]]).all()

    def test_of_nothing_and_of_one(self):
        assert statistics.fdr([]).shape == (0,)
        assert statistics.fdr(0.2) == 0.2

    def test_no_p_value(self):
        with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
            statistics.fdr([0.1, 1.1])


class TestDistributions:
    def test_normal(self):
        z = np.linspace(-37, 8, 500)
        np.testing.assert_allclose(distributions.normal_cdf(z), st.norm.cdf(z), rtol=1e-12)
        p = np.r_[1e-300, 1e-12, np.linspace(0.001, 0.999, 99), 0, 1]
        np.testing.assert_allclose(distributions.normal_quantile(p), st.norm.ppf(p), rtol=1e-13)
        assert np.isnan(distributions.normal_quantile(np.nan))

    @pytest.mark.parametrize("freedom", [1, 2.5, 4, 9, 30, 1000])
    def test_student(self, freedom):
        t = np.r_[np.linspace(-60, 60, 301), 0, 1e160, np.inf]
        np.testing.assert_allclose(
            distributions.t_cdf(t, freedom), st.t.cdf(t, freedom), rtol=1e-10, atol=1e-14
        )
        for p in (0.6, 0.975, 0.9999):
            found = distributions.t_quantile(p, freedom)
            np.testing.assert_allclose(found, st.t.ppf(p, freedom), rtol=1e-10)
        assert np.isnan(distributions.t_cdf(np.nan, freedom))


class TestInterval:
    @pytest.mark.parametrize("function", [np.mean, np.var, np.median])
    def test_is_scipys(self, function):
        x = np.random.default_rng(0).exponential(size=40)
        without = np.array([function(np.delete(x, i)) for i in range(40)])
        for method in ("percentile", "BCa"):
            expected = st.bootstrap((x,), function, n_resamples=500, method=method, rng=1)
            more = (function(x), without) if method == "BCa" else ()
            found = statistics.interval(expected.bootstrap_distribution, *more)
            np.testing.assert_allclose(found, expected.confidence_interval, rtol=1e-10)

    def test_each_target_alone_and_nan_left_out(self):
        rng = np.random.default_rng(0)
        values = rng.gamma(2, size=(300, 4))
        values[::3, 1], values[:, 2] = np.nan, np.nan
        observed, left_out = np.full(4, 2.0), rng.gamma(2, size=(20, 4))
        for more in ((), (observed,), (observed, left_out)):
            whole = statistics.interval(values, *more, level=0.9)
            for k in (0, 1, 3):
                there = values[~np.isnan(values[:, k]), k]
                own = tuple(a[..., k] for a in more)
                alone = statistics.interval(there, *own, level=0.9)
                np.testing.assert_allclose([e[k] for e in whole], alone)
            assert np.isnan([e[2] for e in whole]).all()

    def test_observed_outside_all_replicates(self):
        low, high = statistics.interval(np.arange(100.0), 1000.0)
        assert np.isfinite(low) and low <= high
        low, high = statistics.interval(np.ones(50), 1.0, np.ones(10))  # nothing varies
        assert low == high == 1

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="level is 95"):
            statistics.interval(np.ones(5), level=95)
        with pytest.raises(ValueError, match="observed is not"):
            statistics.interval(np.ones(5), jackknife=np.ones(3))
        with pytest.raises(ValueError, match=r"observed has shape \(2,\)"):
            statistics.interval(np.ones((5, 3)), np.ones(2))
        with pytest.raises(ValueError, match="jackknife has shape"):
            statistics.interval(np.ones((5, 3)), np.ones(3), np.ones((4, 2)))


def test_block_length_of_autoregressive_noise():
    rng = np.random.default_rng(0)
    for rho in (0.0, 0.5, 0.9):
        noise = rng.normal(size=(2100, 40))
        for t in range(1, len(noise)):
            noise[t] += rho * noise[t - 1]
        found = np.median(statistics.block_length(noise[100:]))
        slope, spectrum = 2 * rho / (1 - rho) ** 2 / (1 - rho**2), (1 - rho) ** -2
        best = max((1.5 * (slope / spectrum) ** 2 * 2000) ** (1 / 3), 1)  # of the true spectrum
        assert 0.7 < found / best < 1.6, rho
    holes = noise[100:].copy()
    holes[::7] = np.nan
    assert statistics.block_length(holes).shape == (40,)
    assert statistics.block_length(np.ones(50)) == 1
    with pytest.raises(ValueError, match="8 at least"):
        statistics.block_length(np.ones(5))


class TestSignFlip:
    def test_is_scipys_where_all_patterns_are_few(self):
        d = np.random.default_rng(0).normal(size=(8, 3)) + 0.3
        for side in ("two-sided", "greater"):
            found = statistics.sign_flip(d, alternative=side)
            for k in range(3):
                expected = st.permutation_test(
                    (d[:, k],), np.mean, permutation_type="samples", n_resamples=1e5,
                    alternative=side,
                )  # fmt: skip
                assert found.p[k] == pytest.approx(expected.pvalue)
        np.testing.assert_allclose(found.difference, d.mean(axis=0))
        assert (found.family_wise >= found.p).all()
        np.testing.assert_allclose(found.q, statistics.fdr(found.p))

    def test_ties_by_rounding(self):
        d = np.array([0.1, 0.2, 0.3, -0.1, 0.7, 0.1])
        exact = np.array([1, 2, 3, -1, 7, 1])
        assert statistics.sign_flip(d).p == statistics.sign_flip(exact).p

    def test_is_calibrated_alone_and_in_blocks(self):
        rng = np.random.default_rng(3)
        p = statistics.sign_flip(rng.laplace(size=(30, 1000)), resamples=999).p
        assert 0.035 < (p <= 0.05).mean() < 0.065
        assert st.kstest(p, "uniform").pvalue > 0.01
        series = rng.normal(size=(1100, 500))
        for t in range(1, len(series)):
            series[t] += 0.8 * series[t - 1]
        series = series[100:]
        blocks = np.arange(1000) // 50
        p = statistics.sign_flip(series, blocks, resamples=999).p
        assert 0.03 < (p <= 0.05).mean() < 0.075
        assert (statistics.sign_flip(series, resamples=999).p <= 0.05).mean() > 0.2  # no blocks

    def test_nan_and_zeros(self):
        d = np.random.default_rng(0).normal(size=(20, 4)) + 1
        d[:, 0], d[:, 1], d[3, 2] = np.nan, 0, np.nan
        found = statistics.sign_flip(d, resamples=500)
        assert np.isnan(found.p[0]) and found.p[1] == 1 and found.p[2] < 0.05
        assert found.difference[2] == pytest.approx(np.nanmean(d[:, 2]))
        alone = statistics.sign_flip(d[:, 3:], resamples=500)
        assert alone.p[0] == found.p[3]

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="groups has shape"):
            statistics.sign_flip(np.ones((5, 2)), np.ones(4))
        with pytest.raises(ValueError, match="alternative"):
            statistics.sign_flip(np.ones(5), alternative="less")
        with pytest.raises(ValueError, match="resamples is 0"):
            statistics.sign_flip(np.ones(5), resamples=0)
        with pytest.raises(ValueError, match="differences has 1 infinite"):
            statistics.sign_flip([1, np.inf])


class TestCorrectedT:
    def test_is_the_formula(self):
        d = np.random.default_rng(0).normal(size=(8, 3)) + 0.2
        found = statistics.corrected_t(d, 80, 20)
        error = np.sqrt((1 / 8 + 20 / 80) * d.var(axis=0, ddof=1))
        t = d.mean(axis=0) / error
        np.testing.assert_allclose(found.t, t)
        np.testing.assert_allclose(found.p, 2 * st.t.sf(np.abs(t), 7))
        reach = st.t.ppf(0.975, 7) * error
        np.testing.assert_allclose(found.interval.high, d.mean(axis=0) + reach)
        greater = statistics.corrected_t(d, 80, 20, alternative="greater")
        np.testing.assert_allclose(greater.p, st.t.sf(t, 7))

    def test_is_the_plain_t_where_nothing_is_shared(self):
        d = np.random.default_rng(0).normal(size=9)
        assert statistics.corrected_t(d, 1e15, 1).p == pytest.approx(st.ttest_1samp(d, 0).pvalue)

    def test_is_calibrated_where_the_plain_t_is_not(self):
        """Scores of random splits of the same losses: their correlation is test / samples."""
        rng = np.random.default_rng(0)
        losses = rng.normal(size=(100, 1000))
        splits = [rng.permutation(100)[:20] for _ in range(10)]
        d = np.stack([losses[part].mean(axis=0) for part in splits])
        p = statistics.corrected_t(d, 80, 20).p
        assert 0.035 < (p <= 0.05).mean() < 0.065
        assert st.kstest(p, "uniform").pvalue > 0.01
        assert (st.ttest_1samp(d, 0).pvalue <= 0.05).mean() > 0.2

    def test_nan_and_constants(self):
        d = np.random.default_rng(0).normal(size=(6, 5))
        d[:, 0], d[1:, 1], d[2, 2], d[:, 3], d[:, 4] = np.nan, np.nan, np.nan, 0, 1
        found = statistics.corrected_t(d, 8, 2)
        assert np.isnan(found.p[:2]).all() and found.p[3] == 1 and found.p[4] == 0
        assert found.freedom[2] == 4
        alone = statistics.corrected_t(np.delete(d[:, 2], 2), 8, 2)
        assert found.p[2] == pytest.approx(alone.p)
        assert found.interval.low[2] == pytest.approx(alone.interval.low)

    def test_bad_input_is_named(self):
        for train, test in ((0, 1), (1, -1), (np.nan, 1), (np.inf, 1)):
            with pytest.raises(ValueError, match="a number of samples above 0"):
                statistics.corrected_t(np.ones(4), train, test)


class TestPartition:
    def test_sets_go_into_ablations(self):
        sets = statistics.subsets(["place"] * 2 + ["speed"] * 3 + ["time"])
        assert sets.groups == ("place", "speed", "time") and len(sets.labels) == 7
        assert sets.labels[0] == "place" and sets.labels[-1] == "place + speed + time"
        np.testing.assert_array_equal(sets.kept[1], [0, 0, 1, 1, 1, 0])
        assert axes.ablations(sets.kept, sets.labels).size == 7
        with pytest.raises(ValueError, match="1 values: it must be 2 to 10"):
            statistics.subsets([1, 1])
        with pytest.raises(ValueError, match=r"groups has shape \(2, 2\)"):
            statistics.subsets(np.ones((2, 2)))

    def test_parts_are_those_of_overlapping_sets(self):
        """Scores that are areas of unions: the parts are the areas of the regions."""
        rng = np.random.default_rng(0)
        sets = statistics.subsets([0, 1, 2, 3])
        regions = rng.random((15, 2))
        overlap = sets.members @ sets.members.T  # (model, region): do they share a group?
        scores = overlap.astype(float) @ regions
        found = statistics.partition(scores, sets.members)
        np.testing.assert_allclose(found.parts, regions)
        np.testing.assert_allclose(found.unique, regions[:4])
        np.testing.assert_allclose(found.total, regions.sum(axis=0))

    def test_two_groups_by_hand_in_any_order(self):
        members = np.array([[1, 1], [1, 0], [0, 1]], bool)
        found = statistics.partition(np.array([0.5, 0.4, 0.3]), members)
        np.testing.assert_allclose(found.parts, [0.2, 0.2, 0.1])  # shared, first, second
        np.testing.assert_allclose(found.unique, [0.2, 0.1])

    def test_bad_sets_are_named(self):
        members = statistics.subsets([0, 1]).members
        with pytest.raises(ValueError, match="once"):
            statistics.partition(np.ones(3), members[[0, 0, 2]])
        with pytest.raises(ValueError, match=r"members \(2, 2\)"):
            statistics.partition(np.ones(2), members[:2])
        with pytest.raises(ValueError, match="with 3 sets"):
            statistics.partition(np.ones(2), members)

    def test_split_r2_is_himalayas(self):
        himalaya = pytest.importorskip("himalaya.scoring")
        rng = np.random.default_rng(0)
        y = rng.normal(size=(50, 4))
        predictions = 0.3 * rng.normal(size=(3, 50, 4)) + 0.2 * y
        found = statistics.split_r2(y, predictions)
        expected = himalaya.r2_score_split(y - y.mean(axis=0), predictions)
        np.testing.assert_allclose(found, expected)
        residual = y - y.mean(axis=0) - predictions.sum(axis=0)
        r2 = 1 - np.square(residual).sum(axis=0) / (y.var(axis=0) * 50)
        np.testing.assert_allclose(found.sum(axis=0), r2)

    def test_split_r2_without_values(self):
        y = np.random.default_rng(0).normal(size=(20, 3))
        predictions = np.stack([0.5 * y, 0.1 * y])
        y[4, 0], y[:, 1] = np.nan, 2.1
        found = statistics.split_r2(y, predictions)
        rest = np.delete(np.arange(20), 4)
        alone = statistics.split_r2(y[rest, :1], predictions[:, rest, :1])
        np.testing.assert_allclose(found[:, :1], alone)
        assert np.isnan(found[:, 1]).all()
        with pytest.raises(ValueError, match="predictions"):
            statistics.split_r2(y, predictions[:, :5])


class TestStoppingRule:
    @pytest.mark.parametrize("alpha", [0.05, 0.2, None])
    def test_p_is_exact_by_enumeration(self, alpha):
        """Of all sequences of ranks that a null can give, as many stop at p or below as p says."""
        rule = make_rule(12, 3, alpha, 0.2, 2)
        reached = {(0, 0): 1.0}  # chance under Pólya's urn, one permutation at a time
        stopped: dict = {}
        for n in range(12):
            grown: dict = {}
            for (_, s), chance in reached.items():
                up = chance * (s + 1) / (n + 2)
                for key, part in (((n + 1, s + 1), up), ((n + 1, s), chance - up)):
                    grown[key] = grown.get(key, 0) + part
            reached = grown
            if n + 1 in rule.looks:
                k = list(rule.looks).index(n + 1)
                low, high = rule.lower[k], rule.upper[k]
                for key in list(reached):
                    if key[1] <= low or key[1] >= high or n + 1 == 12:
                        stopped[key] = reached.pop(key)
        assert stopped.keys() == rule.p.keys()
        for (n, s), p in rule.p.items():
            least = sum(
                chance for (m, b), chance in stopped.items()
                if (b + 1) / (m + 1) <= (s + 1) / (n + 1) * (1 + 1e-9)
            )  # fmt: skip
            assert p == pytest.approx(least)

    def test_all_permutations_give_the_usual_p(self):
        rule = make_rule(199, 64, None, 1e-3, 10)
        for b in range(10):
            assert rule.p[199, b] == pytest.approx((b + 1) / 200)

    def test_verdicts_are_right_and_early(self):
        rng = np.random.default_rng(0)
        rule = make_rule(10_000, 64, 0.05, 1e-3, 10)
        truth = np.r_[np.zeros(500), rng.random(4500)]
        p, drawn = self.simulate(rule, truth, rng)
        clear = np.abs(truth - 0.05) > 0.01
        assert ((p <= 0.05) == (truth <= 0.05))[clear].mean() > 0.999
        assert drawn.mean() < 600 and drawn[:500].max() <= 256
        null = p[500:]
        for level in (0.01, 0.05, 0.2, 0.5):
            assert (null <= level).mean() < level + 3 * np.sqrt(level / 4500)

    @staticmethod
    def simulate(rule, truth, rng):
        drawn, above = np.zeros((2, len(truth)), int)
        p, going, before = np.full(len(truth), np.nan), np.ones(len(truth), bool), 0
        for n, low, high in zip(rule.looks, rule.lower, rule.upper, strict=True):
            above[going] += rng.binomial(n - before, truth[going])
            drawn[going], before = n, n
            done = going & ((above <= low) | (above >= high) | (n == rule.looks[-1]))
            p[done] = [rule.p[int(n), int(b)] for b in above[done]]
            going &= ~done
        return p, drawn


def test_public_names_are_there():
    for name in statistics.__all__:
        assert hasattr(statistics, name), name
    assert not set(itertools.chain(*[statistics.__all__])) - set(dir(statistics))
