"""Is a decoder better than chance? Its accuracy under permuted labels, cross-validated."""

import numpy as np

import jaxneuro as jn
from benchmarks.peers import find, places
from benchmarks.timing import Case, Contestant
from jaxneuro import decoding


def case(quick: bool) -> Case:
    """1 000 permutations × 5 folds of a logistic decoder of 2 classes, 300 trials, 50 features, in
    standard units of each fold."""
    trials, features, permutations = (60, 5, 20) if quick else (300, 50, 1000)
    rng = np.random.default_rng(0)
    labels = np.arange(trials) % 2
    x = rng.normal(size=(trials, features)).astype(np.float32)
    x[:, 0] += labels - 0.5
    order = rng.permutation(trials)
    x, labels = x[order], labels[order]
    splits = jn.splits.k_fold(trials, 5)
    l2 = 0.1
    fit = jn.make_fit(
        jn.models.linear(),
        jn.losses.bernoulli,
        jn.optimizers.lbfgs(5),  # nearly round in its basis: seven steps
        jn.penalties.ridge(),
        jn.Stop(gradient=1e-4),
        scores={"accuracy": _accuracy},
        standardise=True,
        precondition=True,
    )
    inputs = jn.make_inputs(x, labels.astype(np.float32), hyper={"l2": l2})
    axes = [jn.axes.permutations(permutations), jn.axes.folds(splits)]

    def ours() -> np.ndarray:
        found = decoding.sliding(x[:, None], labels, splits, l2=8 * l2, permutations=permutations)
        assert found.null is not None
        return np.r_[found.accuracy, found.null]

    def any_model() -> np.ndarray:
        found = jn.fit_many(fit, inputs, axes, keep="scores").scores["accuracy"]
        return found.mean(axis=1)  # the first is of the order as observed

    contestants = [
        Contestant("jaxneuro, sliding", ours),
        Contestant("jaxneuro, fit_many", any_model),
    ]
    if find("sklearn") is not None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import permutation_test_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        parts = places(splits)
        few = permutations // 5

        def test() -> np.ndarray:
            fitted = trials * 0.8
            observed, null, _ = permutation_test_score(
                make_pipeline(
                    StandardScaler(), LogisticRegression(C=1 / (l2 * fitted), max_iter=200)
                ),
                x, labels, cv=parts, n_permutations=few, n_jobs=2, random_state=0,
            )  # fmt: skip
            return np.r_[observed, null]

        contestants.append(
            Contestant(
                "sklearn permutation_test_score, 2 jobs", test, share=few / permutations,
                compiles=False,
            )
        )  # fmt: skip
    return Case(
        name="permutations",
        work=f"{permutations} permutations × 5 folds, {trials} trials, {features} features, "
        "logistic decoder",
        contestants=contestants,
        fits=5 * (permutations + 1),
        quality=lambda found: float(found[0]),
        quality_name="accuracy as observed",
        # The orders are drawn by different generators: only the first is the same question.
        disagree=lambda ours, theirs: float(abs(ours[0] - theirs[0])),
        differ_name="difference of the accuracy as observed",
        at_least={"sklearn permutation_test_score, 2 jobs": 50.0},
        aim={"sklearn permutation_test_score, 2 jobs": 100.0},
    )


def _accuracy(y, probability, weight):
    right = (probability > 0.5) == (y > 0.5)
    return (right * weight).sum() / weight.sum()
