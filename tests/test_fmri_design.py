"""Responses, designs and cleaning are those of nilearn and scipy; bad input is named."""

import numpy as np
import pytest

from jaxneuro import fmri
from jaxneuro.data.events import Events

REPETITION, FRAMES = 2.0, 100
RESPONSES = {
    "glover": fmri.glover(),
    "spm": fmri.spm(),
    "glover + derivative": fmri.glover(1),
    "spm + derivative + dispersion": fmri.spm(2),
    "fir": fmri.fir(range(5)),
}


def events(seed=0, count=20, seconds=170.0):
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.uniform(-5, seconds, count)).round(2)
    duration = rng.choice([0.0, 1.0, 3.3], count)
    return Events(onset, duration, rng.choice(["face", "house", "cat"], count))


def frame_of(given, labels=None):
    pandas = pytest.importorskip("pandas")
    label = given.label if labels is None else labels
    return pandas.DataFrame({"onset": given.onset, "duration": given.duration, "trial_type": label})


def test_responses_are_nilearns():
    level = pytest.importorskip("nilearn.glm.first_level")
    for ours, theirs in ((fmri.SPM, level.spm_hrf), (fmri.GLOVER, level.glover_hrf)):
        for step in (0.04, 0.1, 0.7):
            np.testing.assert_allclose(ours.sample(step), theirs(step, 1), atol=1e-14)
    models = pytest.importorskip("nilearn.glm.first_level.hemodynamic_models")
    spms = fmri.spm(2)
    for ours, time, spread in (
        (spms, models.spm_time_derivative, models.spm_dispersion_derivative),
        (fmri.glover(2), models.glover_time_derivative, models.glover_dispersion_derivative),
    ):
        _, later, wider = ours.sample(2.0, 50)
        np.testing.assert_allclose(later, time(2.0, 50), atol=1e-12)
        if ours.sample is spms.sample:
            np.testing.assert_allclose(wider, spread(2.0, 50), atol=1e-12)
        else:  # nilearn's derivative for Glover has another undershoot than its response
            assert np.corrcoef(wider, spread(2.0, 50))[0, 1] > 0.98


def test_a_canonical_response_does_not_depend_on_its_sampling():
    coarse, fine = fmri.SPM.sample(0.5), fmri.SPM.sample(0.05)
    peak = np.linspace(0, 32, len(fine))[fine.argmax()]
    assert abs(peak - 5) < 0.2  # seconds: (6 - 1) · dispersion
    assert abs(np.linspace(0, 32, len(coarse))[coarse.argmax()] - peak) <= 0.6
    np.testing.assert_allclose(fine.sum(), 1)


@pytest.mark.filterwarnings("ignore:The following conditions contain events with null")
@pytest.mark.parametrize("model", RESPONSES)
@pytest.mark.parametrize("first", [0.0, 1.0])
def test_designs_are_nilearns(model, first):
    level = pytest.importorskip("nilearn.glm.first_level")
    given, confounds = events(), np.random.default_rng(1).normal(size=(FRAMES, 2))
    time = first + REPETITION * np.arange(FRAMES)
    ours = fmri.design(
        given, FRAMES, REPETITION, RESPONSES[model], confounds=confounds, first=first
    )
    theirs = level.make_first_level_design_matrix(
        time,
        frame_of(given),
        hrf_model=model,
        high_pass=0.01,
        fir_delays=list(range(5)),
        add_regs=confounds,
        add_reg_names=["confound_0", "confound_1"],
    )
    assert ours.names == tuple(theirs.columns)
    np.testing.assert_allclose(ours.matrix, theirs.to_numpy(), atol=1e-10)
    assert ours.labels == ("cat", "face", "house") and ours.kernels == len(RESPONSES[model].marks)


@pytest.mark.filterwarnings("ignore:The following conditions contain events with null")
def test_a_design_of_events_is_nilearns_of_single_trials():
    level = pytest.importorskip("nilearn.glm.first_level")
    given = events(2)
    ours = fmri.design(given, FRAMES, REPETITION, fmri.spm(1), per="event", high_pass=None)
    names = [name for name in ours.names[: ours.responses] if "_deriv" not in name]
    assert names[0].endswith("__000") and ours.labels == tuple(given.label)
    theirs = level.make_first_level_design_matrix(
        REPETITION * np.arange(FRAMES),
        frame_of(given, names),
        hrf_model="spm + derivative",
        drift_model=None,
    )
    np.testing.assert_allclose(ours.matrix, theirs[list(ours.names)].to_numpy(), atol=1e-10)
    # a condition's column is the sum of its events'
    whole = fmri.design(given, FRAMES, REPETITION, fmri.spm(), high_pass=None)
    each = fmri.design(given, FRAMES, REPETITION, fmri.spm(), per="event", high_pass=None)
    summed = each.matrix[:, : each.responses][:, given.label == "face"].sum(axis=1)
    np.testing.assert_allclose(whole.matrix[:, whole.names.index("face")], summed, atol=1e-12)


def test_bad_designs_are_named():
    good = events()
    one = Events(np.array([1.0]), np.array([1.0]), np.array(["a"]))

    def made(given=good, frames=FRAMES, repetition=REPETITION, response=None, **options):
        return fmri.design(given, frames, repetition, response, **options)

    gap = np.ones((FRAMES, 2))
    gap[3, 1] = np.nan
    for call, message in (
        (lambda: made(one._replace(onset=np.array([-30.0]))), "event 0 begins at -30 s"),
        (lambda: made(one._replace(onset=np.array([np.nan]))), "event 0 has onset nan"),
        (lambda: made(one._replace(duration=np.array([-1.0]))), "duration -1"),
        (lambda: made(Events(*[np.array([])] * 3)), "one at least"),
        (lambda: made(repetition=0.0), "repetition is 0.0"),
        (lambda: made(frames=1), "frames is 1"),
        (lambda: made(per="block"), "per is 'block'"),
        (lambda: made(high_pass=0.3), "high_pass is 0.3 Hz"),
        (lambda: made(confounds=np.ones(5)), "of 100 frames"),
        (lambda: made(confounds=gap), "confounds: 'confound_1' has values that are not finite"),
        (lambda: made(one._replace(label=np.array(["constant"]))), "'constant'. occur twice"),
        (lambda: fmri.fir([]), "delays are"),
        (lambda: fmri.fir([1, 1]), "delays are"),
        (lambda: fmri.spm(3), "derivatives is 3"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def series(seed=0, voxels=7):
    rng = np.random.default_rng(seed)
    time = np.arange(FRAMES)[:, None]
    y = 500 + rng.normal(size=(FRAMES, voxels)).cumsum(axis=0) + 0.1 * time
    return y, rng.normal(size=(FRAMES, 3)) + 0.02 * time


@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("high_pass", [None, 0.02])
@pytest.mark.parametrize("confounded", [True, False])
@pytest.mark.filterwarnings("ignore:When confounds are provided:UserWarning")
def test_cleaning_is_nilearns(detrend, high_pass, confounded):
    signal = pytest.importorskip("nilearn.signal")
    y, confounds = series()
    theirs = signal.clean(
        y.copy(),
        detrend=detrend,
        standardize="zscore_sample",
        confounds=confounds if confounded else None,
        filter="cosine" if high_pass else False,
        high_pass=high_pass,
        t_r=REPETITION,
    )
    ours = fmri.clean(
        y,
        detrend=detrend,
        high_pass=high_pass,
        repetition=REPETITION,
        confounds=confounds if confounded else None,
    )
    np.testing.assert_allclose(ours, theirs * np.sqrt(FRAMES / (FRAMES - 1)), atol=2e-6)


def test_a_line_is_taken_out_as_scipy_does():
    signal = pytest.importorskip("scipy.signal")
    y, _ = series()
    ours = fmri.clean(y, standardise=False)
    np.testing.assert_allclose(ours, signal.detrend(y, axis=0), atol=1e-5)


def test_runs_are_cleaned_by_themselves():
    y, confounds = series()
    run = np.repeat(["b", "a"], FRAMES)
    both = np.concatenate([y, 3 * y[::-1]])
    found = fmri.clean(both, run, confounds=[confounds, None])
    np.testing.assert_array_equal(found[:FRAMES], fmri.clean(y, confounds=confounds))
    np.testing.assert_array_equal(found[FRAMES:], fmri.clean(3 * y[::-1]))
    shuffled = np.random.default_rng(1).permutation(2 * FRAMES)
    shuffled = shuffled[np.argsort(run[shuffled] == "b", kind="stable")]  # rows of a, then of b
    again = fmri.clean(both, run, detrend=False)
    apart = fmri.clean(both[shuffled], run[shuffled], detrend=False)
    np.testing.assert_allclose(again[shuffled], apart, atol=1e-6)


def test_bad_voxels_change_no_others():
    y, confounds = series(voxels=6)
    bad = y.copy()
    bad[4, 1], bad[:, 2], bad[:, 3] = np.nan, 1e6 / 3, 2 + confounds[:, 0]
    found = fmri.clean(np.r_[bad, y], np.repeat([0, 1], FRAMES), confounds=[confounds] * 2)
    alone = fmri.clean(y, confounds=confounds)
    assert np.isnan(found[:FRAMES, 1]).all() and np.isfinite(found[FRAMES:, 1]).all()
    assert (found[:FRAMES, 2:4] == 0).all()
    np.testing.assert_array_equal(found[:FRAMES, [0, 4, 5]], alone[:, [0, 4, 5]])


def test_bad_cleanings_are_named():
    y, confounds = series()
    run = np.repeat([5, 6], FRAMES // 2)
    wild = y.copy()
    wild[0, 0] = np.inf
    gap = np.where(np.arange(50)[:, None] == 0, np.nan, confounds[:50])
    for call, message in (
        (lambda: fmri.clean(y[0]), "must be numbers .time, voxel."),
        (lambda: fmri.clean(y, run[1:]), "runs .99,. must be"),
        (lambda: fmri.clean(wild), "y must be finite or NaN"),
        (lambda: fmri.clean(y, high_pass=0.01), "repetition is None"),
        (lambda: fmri.clean(y, run, confounds=confounds), "there are 2 runs"),
        (lambda: fmri.clean(y, run, confounds=[gap, gap]), "run 5: confounds: 'confound_0'"),
        (lambda: fmri.clean(y, confounds=np.eye(FRAMES)), "100 columns to take out of 100"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
