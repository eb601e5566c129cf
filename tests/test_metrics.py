"""Every metric runs through one contract."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scores import CASES, CLASSES, OUTPUTS, SAMPLES, there, weights

from jaxneuro import metrics

PER_TARGET = {name: case for name, case in CASES.items() if case.per_target}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_per_target = pytest.mark.parametrize("case", PER_TARGET.values(), ids=PER_TARGET.keys())
pytestmark = pytest.mark.usefixtures("close")


def test_every_metric_is_in_the_contract():
    assert set(CASES) == set(metrics.__all__) - {"Score", "as_score"}


@every
def test_zero_weight_removes(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    kept = weight > 0
    close(case.score(y, prediction, weight), case.score(y[kept], prediction[kept], weight[kept]))


@every
@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, -7.5, 1e30])
def test_garbage_under_zero_weight_has_no_influence(case, garbage, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    expected = case.score(y, prediction, weight)
    dirty = [np.array(a, float) for a in (y, prediction)]
    for a in dirty:
        a[weight == 0] = garbage
    for values in ((dirty[0], prediction), (y, dirty[1]), dirty):
        np.testing.assert_array_equal(case.score(*values, weight), expected)


@every
def test_integer_weight_repeats(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights(whole=True)
    repeats = weight.astype(int)
    expected = case.score(np.repeat(y, repeats, axis=0), np.repeat(prediction, repeats, axis=0))
    close(case.score(y, prediction, weight), expected)
    close(case.score(y, prediction, repeats), expected)


@every
def test_no_weight_is_ones_and_scale_is_free(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    expected = case.score(y, prediction)
    assert np.isfinite(expected).all()
    close(case.score(y, prediction, np.ones(SAMPLES)), expected)
    scale = 5.0 if case.metric is metrics.confusion_matrix else 1.0
    close(case.score(y, prediction, np.full(SAMPLES, 5.0)), scale * np.asarray(expected))


@every
def test_jit_equals_eager(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    close(case.score(y, prediction, weight), case.metric(y, prediction, weight))


@every
def test_order_of_samples_is_free(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight, order = weights(), np.random.default_rng(2).permutation(SAMPLES)
    expected = case.score(y, prediction, weight)
    close(case.score(y[order], prediction[order], weight[order]), expected)


@every
def test_vmap_over_fits_equals_loop(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    predictions = np.stack([prediction, np.roll(prediction, 1, axis=0)])
    folds = np.stack([weights(), np.roll(weights(), 5)])
    batched = jax.vmap(case.score, in_axes=(None, 0, 0))(y, predictions, folds)
    close(batched, [case.score(y, p, w) for p, w in zip(predictions, folds, strict=True)])


@every_per_target
def test_targets_equal_loop_and_vmap(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()
    together = case.score(y, prediction, weight)
    assert together.shape == (OUTPUTS,)
    assert case.score(y[:, 0], prediction[:, 0], weight).shape == ()
    close(together, [case.score(y[:, k], prediction[:, k], weight) for k in range(OUTPUTS)])
    close(together, jax.vmap(case.score, in_axes=(1, 1, None))(y, prediction, weight))


@every_per_target
def test_targets_do_not_touch_each_other(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    expected = np.asarray(case.score(y, prediction))
    prediction[3, 1] = np.nan
    actual = np.asarray(case.score(y, prediction))
    np.testing.assert_array_equal(actual[[0, 2]], expected[[0, 2]])
    assert np.isnan(actual[1])


@every
def test_nan_in_a_scored_prediction_is_nan(case):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    prediction[5] = np.nan
    assert np.isnan(case.score(y, prediction)).all()


@every
def test_nan_in_y_is_missing(case, close):
    """As if its weight were 0, whatever is predicted there."""
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    y, weight, gone = np.array(y, float), weights(), np.arange(SAMPLES) % 4 == 2
    y[gone] = np.nan
    prediction[gone] = np.nan
    close(case.score(y, prediction), case.score(y[~gone], prediction[~gone]))
    close(case.score(y, prediction, weight), case.score(y[~gone], prediction[~gone], weight[~gone]))
    nothing = case.score(np.full_like(y, np.nan), prediction)
    desired = 0.0 if case.metric is metrics.confusion_matrix else np.nan
    np.testing.assert_array_equal(nothing, np.full(nothing.shape, desired))


@every_per_target
def test_missing_values_are_each_targets_own(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight, here = weights(), there()
    kept = [here[:, k] for k in range(OUTPUTS)]
    expected = [case.score(y[at, k], prediction[at, k], weight[at]) for k, at in enumerate(kept)]
    missing = np.where(here, y, np.nan)
    close(case.score(missing, prediction, weight), expected)
    close(case.score(missing, np.where(here, prediction, np.nan), weight), expected)


@every_per_target
def test_weights_are_each_targets_own(case, close):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    weight = weights()[:, None] * there() * np.arange(1.0, OUTPUTS + 1)
    expected = [
        case.score(y[:, k], prediction[:, k], np.ascontiguousarray(weight[:, k]))
        for k in range(OUTPUTS)
    ]
    close(case.score(y, prediction, weight), expected)
    garbage = np.where(weight > 0, y, 1e30), np.where(weight > 0, prediction, np.inf)
    close(case.score(*garbage, weight), expected)


@every_per_target
def test_an_output_without_values_is_nan_alone(case):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    expected = np.asarray(case.score(y, prediction))
    y[:, 1] = np.nan
    found = np.asarray(case.score(y, prediction))
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
    assert np.isnan(found[1])


@every
@pytest.mark.parametrize("samples", [SAMPLES, 0])
def test_no_samples(case, samples):
    y, prediction = (a[:samples] for a in case.draw((SAMPLES, OUTPUTS)))
    score = case.score(y, prediction, np.zeros(samples))
    desired = 0.0 if case.metric is metrics.confusion_matrix else np.nan
    np.testing.assert_array_equal(score, np.full(score.shape, desired))


@every
def test_dtype(case):
    """At least float32, whatever comes in; float64 only where float64 came in."""
    y, prediction = map(jnp.asarray, case.draw((SAMPLES, OUTPUTS)))
    for dtype in (jnp.float16, jnp.float32):
        low = jax.eval_shape(case.metric, y.astype(jnp.int32), prediction.astype(dtype))
        assert low.dtype == jnp.float32
    assert jax.eval_shape(case.metric, y, prediction).dtype == prediction.dtype


@every
def test_shapes_are_checked(case):
    y, prediction = case.draw((SAMPLES, OUTPUTS))
    with pytest.raises(ValueError, match=r"y .*prediction .*sample.*got"):
        case.metric(y[:-1], prediction)
    own = r" or \(sample, output\) = \(60, 3\)" if case.per_target else ""
    for shape in ((SAMPLES - 1,), (SAMPLES, 1), (SAMPLES, CLASSES)):
        told = rf"weight must be \(sample,\) = \(60,\){own}; got \({shape[0]},"
        with pytest.raises(ValueError, match=told):
            case.metric(y, prediction, np.ones(shape))
    with pytest.raises(ValueError, match=r"y .*prediction .*sample.*got"):
        case.metric(y[None], prediction[None])
    if case.per_target:
        with pytest.raises(ValueError, match=r"got \(60, 1\) and \(60,\)"):
            case.metric(y[:, :1], prediction[:, 0])
