"""Population receptive fields: found as well as can be, by any route, whatever lies beside them."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

from jaxneuro import Status, Warned
from jaxneuro.data.simulate.retinotopy import retinotopic_population
from jaxneuro.encoding import ReceptiveFields, field_arrays, fit_receptive_fields
from jaxneuro.encoding.field_starts import MOST, candidates, explained
from jaxneuro.encoding.receptive_fields import _error
from jaxneuro.models.receptive_field import Screen, receptive_field

VOXELS, STARTS = 64, 4
NAMES = ("x", "y", "size", "gain", "baseline")
TRUTH = retinotopic_population(VOXELS, seed=0, side=21)


def fit(truth=TRUTH, starts: int = STARTS, **changed) -> ReceptiveFields:
    fields = {name: changed.pop(name, getattr(truth, name)) for name in ("x", "y", "positions")}
    hrf = changed.pop("hrf", truth.hrf)
    return fit_receptive_fields(**fields, hrf=hrf, starts=starts, lanes=64, **changed)


@pytest.fixture(scope="module")
def found() -> ReceptiveFields:
    return fit()


def same(one: ReceptiveFields, other: ReceptiveFields, which=slice(None), tolerance=0.0) -> None:
    for name, values in one.params.items():
        scale = tolerance * np.nanmax(np.abs(values[which]))
        np.testing.assert_allclose(
            values[which], other.params[name][which], rtol=tolerance, atol=scale, err_msg=name
        )


def response(params, truth=TRUTH) -> np.ndarray:
    """(time, voxel) the formula, sum by sum."""
    voxels, found = (
        zip(*(params[n] for n in ("x", "y", "size", "gain", "baseline")), strict=True),
        [],
    )
    for x, y, size, gain, baseline in voxels:
        square = (truth.positions[:, 0] - x) ** 2 + (truth.positions[:, 1] - y) ** 2
        seen = truth.x.astype(float) @ np.exp(-square / (2 * size**2))
        found.append(baseline + gain * np.convolve(seen, truth.hrf)[: len(seen)])
    return np.stack(found, axis=1)


def bound(truth, snr: float) -> np.ndarray:
    """(voxel, 3) the least deviation of an estimate of x, y and log size (Cramér & Rao)."""
    place = dict(zip("xy", truth.centre.T.astype(float), strict=True))
    place |= {n: getattr(truth, n).astype(float) for n in ("size", "gain", "baseline")}
    middle, step, slopes = response(place, truth), 1e-5, []
    for name in NAMES:
        by = step * (place[name] if name in ("size", "gain") else 1)
        slopes.append((response({**place, name: place[name] + by}, truth) - middle) / step)
    jacobian = np.stack(slopes, axis=-1).swapaxes(0, 1)
    covariance = np.linalg.inv(jacobian.swapaxes(1, 2) @ jacobian)
    noise = middle.std(axis=0)[:, None] / snr
    return noise * np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)[:, :3])


# What is found


def test_places_and_sizes_are_those_put_in(found) -> None:
    off = np.stack([found.params["x"], found.params["y"]], axis=1) - TRUTH.centre
    size = found.params["size"] / TRUTH.size - 1
    assert np.mean(np.hypot(*off.T) < 0.1) >= 0.95
    assert np.mean(np.abs(size) < 0.1) >= 0.95
    assert (np.sign(found.params["gain"]) == np.sign(TRUTH.gain)).all() and (TRUTH.gain < 0).any()
    np.testing.assert_allclose(found.params["baseline"], TRUTH.baseline, atol=0.2)
    np.testing.assert_allclose(found.r2, TRUTH.best_r2, atol=0.01)
    assert found.statuses() == {"converged": VOXELS}
    assert found.total == VOXELS * STARTS and found.agreeing.mean() > 0.9 * STARTS


@pytest.mark.parametrize("snr", [5.0, 1.0])
def test_no_unbiased_estimate_could_be_nearer(snr: float, found) -> None:
    truth = TRUTH if snr == 5 else retinotopic_population(VOXELS, seed=0, side=21, snr=snr)
    params = (found if snr == 5 else fit(truth)).params
    off = [params["x"] - truth.centre[:, 0], params["y"] - truth.centre[:, 1]]
    error = np.stack([*off, np.log(params["size"] / truth.size)], axis=1) / bound(truth, snr)
    # The mean of 3 · 64 squares of normal numbers is 1 ± .1.
    assert np.mean(error**2) == pytest.approx(1, abs=0.35)


def test_scipy_finds_the_same_from_the_same_starts(found) -> None:
    for voxel in range(3):
        y, best = TRUTH.y[:, [voxel]].astype(float), np.inf
        for start in found.starts[voxel, :2]:

            def error(p, y=y):
                return (response({n: [v] for n, v in zip(NAMES, p, strict=True)}) - y)[:, 0]

            made = least_squares(error, [*start, found.params["gain"][voxel], y.mean()])
            best = min(best, 2 * made.cost)
        r2 = 1 - best / np.square(y - y.mean()).sum()
        assert found.r2[voxel] == pytest.approx(r2, abs=1e-5)


def test_r2_and_predictions_are_those_of_the_formula(found) -> None:
    made = found.predict(TRUTH.x)
    np.testing.assert_allclose(made, response(found.params), rtol=1e-6)
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(made.T, TRUTH.y.T, strict=True)]
    np.testing.assert_allclose(found.r2, np.square(r), atol=1e-6)
    np.testing.assert_allclose(made.mean(axis=0), TRUTH.y.mean(axis=0), rtol=1e-6)
    new = np.roll(TRUTH.x, 7, axis=1)[:50]
    assert found.predict(new > 0).shape == (50, VOXELS)
    with pytest.raises(ValueError, match="x has 9 pixels; fitted were 441"):
        found.predict(np.ones((5, 9)))


def test_a_recording_without_noise_is_explained_whole() -> None:
    place = [*TRUTH.centre.T, TRUTH.size, TRUTH.gain, TRUTH.baseline]
    found = fit(y=response(dict(zip(NAMES, place, strict=True))))
    assert found.r2.min() > 1 - 1e-6
    for name, values in zip(NAMES, place, strict=True):
        np.testing.assert_allclose(found.params[name], values, rtol=2e-2, atol=2e-3, err_msg=name)


# Whatever lies beside


def test_bad_voxels_say_so_and_change_no_other(found) -> None:
    y = TRUTH.y.copy()
    y[:, 0], y[:, 1], y[5, 2], y[:, 3] = np.nan, 7.1, np.inf, 1e30 * y[:, 3].astype(float) / 200
    y[40:, 4] = np.nan
    y[:, 4][:40] = np.nan
    with pytest.warns(UserWarning, match=r"y\[5, 2\] is infinite; 1 of 64 voxels"):
        bad = fit(y=y)
    same(found, bad, np.arange(5, VOXELS))
    np.testing.assert_array_equal(found.r2[5:], bad.r2[5:])
    expected = [Status.BAD_DATA, Status.CONVERGED, Status.BAD_DATA, Status.CONVERGED]
    assert bad.status[:5].tolist() == [*expected, Status.BAD_DATA]
    assert bad.warning[1] == Warned.CONSTANT_TARGET
    assert np.isnan(bad.r2[[0, 1, 2, 4]]).all() and bad.r2[3] == pytest.approx(found.r2[3])
    for name in ("x", "y", "size"):
        assert np.isnan(bad.params[name][[0, 1, 2, 4]]).all()
        assert bad.params[name][3] == pytest.approx(found.params[name][3], rel=1e-4)
    assert bad.params["gain"][1] == 0 and bad.params["baseline"][1] == pytest.approx(7.1)
    made = bad.predict(TRUTH.x)
    assert np.isnan(made[:, [0, 2, 4]]).all() and np.allclose(made[:, 1], 7.1)
    assert bad.agreeing[[0, 2, 4]].tolist() == [0, 0, 0]


def test_missing_samples_are_left_out_voxel_by_voxel(found) -> None:
    rng = np.random.default_rng(0)
    y = TRUTH.y.copy()
    y[rng.uniform(size=y.shape) < 0.2] = np.nan
    y[:, 9:] = TRUTH.y[:, 9:]
    some = fit(y=y)
    assert (some.status == Status.CONVERGED).all()
    same(found, some, np.arange(9, VOXELS), 2e-3)  # the long way to the same optimum
    filled = np.where(np.isnan(y), -1e6, y)
    for voxel in range(2):  # what was there at the missing samples is of no influence
        there = ~np.isnan(y[:, voxel])
        names = ("x", "y", "size", "gain", "baseline")

        def error(p, voxel=voxel, there=there, names=names):
            made = response({n: [v] for n, v in zip(names, p, strict=True)})[:, 0]
            return (made - filled[:, voxel])[there]

        made = least_squares(error, [some.params[n][voxel] for n in names])
        np.testing.assert_allclose(
            made.x[:3], [some.params[n][voxel] for n in names[:3]], atol=0.01
        )


def test_frames_that_no_voxel_has_are_as_if_cut_out(found) -> None:
    y = TRUTH.y.copy()
    y[100:130] = np.nan
    gone = fit(y=y)
    out = np.zeros(len(y), bool)
    out[100:130] = True
    same(gone, fit(held_out=out))
    assert gone.held_out_r2 is None and np.abs(gone.r2 - found.r2).max() < 0.02


def test_held_out_frames_are_never_fitted_and_scored_as_they_are() -> None:
    out = np.arange(len(TRUTH.x)) >= 240
    found, other = (fit(y=TRUTH.y + c * out[:, None], held_out=out) for c in (0, 50))
    same(found, other)
    made, y = found.predict(TRUTH.x)[out], TRUTH.y[out]
    score = 1 - np.square(made - y).sum(axis=0) / np.square(y - y.mean(axis=0)).sum(axis=0)
    np.testing.assert_allclose(found.held_out_r2, score, atol=1e-6)
    assert np.median(score) > 0.9 and other.held_out_r2.max() < 0  # pyright: ignore
    assert "held_out_r2" in found.table() and "held out" in repr(found)


def test_noise_is_not_explained() -> None:
    noise = np.random.default_rng(3).normal(size=TRUTH.y.shape)
    out = np.arange(len(noise)) % 60 >= 48
    found = fit(y=noise, held_out=out)
    assert found.r2.max() < 0.15 and np.median(found.r2) < 0.06
    assert np.median(found.held_out_r2) < 0.02  # pyright: ignore
    assert all(np.isfinite(values).all() for values in found.params.values())


def test_units_are_those_given(found) -> None:
    other = fit(x=TRUTH.x > 0, y=(1e-13 * TRUTH.y.astype(float)), positions=60 * TRUTH.positions)
    for name, unit in (("x", 60), ("y", 60), ("size", 60), ("gain", 1e-13), ("baseline", 1e-13)):
        np.testing.assert_allclose(
            other.params[name] / unit, found.params[name], rtol=5e-3, atol=2e-3, err_msg=name
        )
    bright = fit(x=255 * TRUTH.x, hrf=7 * TRUTH.hrf)
    np.testing.assert_allclose(255 * 7 * bright.params["gain"], found.params["gain"], rtol=5e-3)


def test_no_response_reaches_over_the_edge_of_a_run() -> None:
    peak = (np.sign(TRUTH.gain[0]) * TRUTH.y[:200, 0]).argmax()  # in the midst of a response
    run = (np.arange(len(TRUTH.x)) >= peak).astype(int)
    one = {n: np.array([v]) for n, v in zip("xy", TRUTH.centre[0], strict=True)}
    one |= {n: getattr(TRUTH, n)[:1] for n in ("size", "gain", "baseline")}
    cut = [response(one, TRUTH._replace(x=TRUTH.x[run == i])) for i in (0, 1)]
    y = np.repeat(np.concatenate(cut), VOXELS, axis=1)
    found = fit(y=y, trials=np.array(["a", "b"])[run])
    assert found.r2.min() > 1 - 1e-6 > fit(y=y).r2.max()
    np.testing.assert_allclose(found.predict(TRUTH.x, run), y, rtol=1e-4)


# How it is told


def test_the_table_has_a_row_for_each_voxel(found) -> None:
    table = found.table()
    assert all(column.shape == (VOXELS,) for column in table.values())
    assert {"voxel", "x", "y", "size", "gain", "baseline", "eccentricity", "angle", "r2"} < set(
        table
    )
    place = table["eccentricity"] * np.exp(1j * table["angle"])
    np.testing.assert_allclose(place, table["x"] + 1j * table["y"])
    assert set(table["status"]) == {"converged"} and "held_out_r2" not in table
    assert len(found) == VOXELS and "64 receptive fields of 256 fits" in repr(found)
    assert found.starts.shape == (VOXELS, STARTS, 3) and (found.params["size"] > 0).all()


def test_new_values_never_compile_anew(found) -> None:
    again = fit(y=TRUTH.y[:, ::-1], hrf=TRUTH.hrf[:12])
    assert again.compile_seconds == 0 and again.run_seconds > 0
    same(fit(), found)
    same(pickle.loads(pickle.dumps(found)), found)
    same(copy.deepcopy(found), found)


def test_a_run_that_was_stopped_goes_on(tmp_path, found) -> None:
    for _ in range(2):
        same(fit(out=tmp_path / "fits"), found)
    np.testing.assert_array_equal(fit(out=tmp_path / "fits").fits.loss, found.fits.loss)


WRONG = [
    (
        {"positions": TRUTH.positions[1:]},
        r"positions has shape \(440, 2\): it must be .* \(441, 2\)",
    ),
    ({"positions": TRUTH.positions.T}, "positions has shape"),
    ({"positions": np.zeros((441, 2))}, "positions are all the same"),
    ({"hrf": np.ones(301)}, "hrf has 301 lags, and the recording 300"),
    ({"hrf": np.zeros(5)}, "hrf is 0"),
    ({"hrf": [1, np.nan]}, r"hrf\[1\] is nan"),
    ({"hrf": np.ones((5, 1))}, r"hrf has shape \(5, 1\): it must be \(lag,\)"),
    ({"y": TRUTH.y[:, 0]}, r"y has shape \(300,\): it must be \(time, voxel\)"),
    ({"y": TRUTH.y[:-1]}, "x has 300 frames and y has 299"),
    ({"y": TRUTH.y.astype(str)}, "y has dtype"),
    ({"x": np.full_like(TRUTH.x, np.inf)}, r"x\[0, 0\] is inf"),
    ({"x": TRUTH.x * 0 + 3, "hrf": [1.0]}, "x, seen through hrf, is the same in all frames"),
    ({"x": np.repeat(TRUTH.x[:, 200:201], 441, 1)}, "one course at all positions"),
    ({"x": np.outer(TRUTH.x[:, 200], np.arange(441))}, "one course at all positions"),
    ({"x": TRUTH.x[:, :, None]}, "x has shape"),
    ({"held_out": np.ones(300)}, "held_out is true everywhere"),
    ({"held_out": np.ones(299)}, "held_out has shape"),
    ({"sizes": (2, 1)}, "sizes is"),
    ({"starts": 0}, f"starts is 0: it must be a whole number from 1 to {MOST}"),
    ({"trials": np.zeros(3)}, "trials has shape"),
]


@pytest.mark.parametrize(("changed", "message"), WRONG)
def test_what_is_wrong_is_named(changed, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(**changed)


# The parts


def test_coordinates_go_to_fields_and_back() -> None:
    screen = Screen(TRUTH.positions, 0.4, 16.0)
    centre, size = candidates(screen)
    assert len(size) == MOST and size.min() > 0.4 and size.max() < 16
    back = screen.field(screen.free(centre, size))
    np.testing.assert_allclose(back[0], centre, atol=1e-9)
    np.testing.assert_allclose(back[1], size)
    far, sizes = screen.field(np.array([[40.0, -40, 40], [0, 0, -40]]))
    np.testing.assert_allclose(far, [[40, -40], [0, 0]])
    np.testing.assert_allclose(sizes, [16, 0.4])
    assert screen == Screen(TRUTH.positions.copy(), 0.4, 16.0) and len({screen, screen}) == 1
    assert screen != Screen(TRUTH.positions, 0.4, 15.0)
    assert receptive_field(screen) == receptive_field(Screen(TRUTH.positions.copy(), 0.4, 16.0))


@pytest.mark.parametrize("level", [False, True])
def test_the_loss_has_gain_and_baseline_solved_for(level: bool) -> None:
    rng = np.random.default_rng(1)
    seen = np.arange(40) < 30
    y = rng.normal(size=40) * seen
    y[:30] = (y[:30] - y[:30].mean()) / y[:30].std()
    shape = (rng.normal(size=40) + 2) * seen
    design = np.stack([shape[:30], np.ones(30)], axis=1)[:, : 1 + level]
    left = y[:30] - design @ np.linalg.lstsq(design, y[:30], rcond=None)[0]

    def mean(shape):
        return jnp.where(seen, _error(level, shape, jnp.asarray(y, jnp.float32)), 0).sum()

    shape = jnp.asarray(shape, jnp.float32)
    assert float(mean(shape)) == pytest.approx(0.5 * np.square(left).sum(), rel=1e-4)
    gradient = jax.grad(mean)(shape)[:30]
    slope = [(mean(shape.at[i].add(h)) - mean(shape.at[i].add(-h))) / (2 * h)
             for i in range(30) for h in [0.02]]  # fmt: skip
    np.testing.assert_allclose(gradient, slope, atol=2e-2)


def test_the_span_of_the_frames_is_all_that_a_field_sees() -> None:
    drive = field_arrays.convolved(TRUTH.x.astype(float), TRUTH.hrf.astype(float), None)
    fitted = np.arange(300) < 280
    drive = field_arrays.centred(drive, fitted)
    z = field_arrays.standardised(TRUTH.y.astype(float), fitted)
    few = field_arrays.condensed(drive, z, fitted)
    assert len(few.x) < 120 and not few.level and few.weight.all()
    np.testing.assert_allclose(few.x.T @ few.x, drive[fitted].T @ drive[fitted], atol=1e-3)
    scale = np.sqrt(len(few.x) / 280)
    np.testing.assert_allclose(few.x.T @ few.y, scale * drive[fitted].T @ z[fitted], atol=1e-3)
    z[3, 1] = np.nan
    every = field_arrays.condensed(drive, z, fitted)
    assert len(every.x) == 300 and every.level and every.weight.sum() == 280
    shape = np.exp(-np.square(TRUTH.positions[:, 0]))[None] @ drive[fitted].T
    there = ~np.isnan(z[fitted][:, 1])
    r = np.corrcoef(shape[0, there], z[fitted][there, 1])[0, 1]
    assert explained(shape, z[fitted], True)[0, 1] == pytest.approx(r**2, abs=1e-3)
