"""xarray and pandas in and out: the samples first, names kept, times in seconds."""

import numpy as np
import pandas
import pytest
import xarray

import jaxneuro as jn
from jaxneuro.adapters import from_pandas, from_xarray


def made():
    values = np.arange(12.0).reshape(3, 4)
    coordinates = {"time": ("time", [0, 20, 40, 60], {"units": "ms"}), "unit": ["a", "b", "c"]}
    return xarray.DataArray(values, dims=("unit", "time"), coords=coordinates, name="counts")


def test_the_dimension_of_samples_comes_first() -> None:
    found = from_xarray(made(), "time")
    np.testing.assert_array_equal(found.values, made().values.T)
    assert found.dims == ("time", "unit") and found.names == ("a", "b", "c")
    np.testing.assert_allclose(found.seconds, [0, 0.02, 0.04, 0.06])
    back = found.back(found.values + 1)
    xarray.testing.assert_equal(back.transpose("unit", "time"), made() + 1)
    assert back.time.attrs == {"units": "ms"}


def test_labels_and_dimensions_without_names() -> None:
    labels = xarray.DataArray(np.array(["x", "y"], object), dims="trial", name="side")
    found = from_xarray(labels, "trial")
    assert found.values.tolist() == ["x", "y"] and found.names == ("side",)
    images = xarray.DataArray(np.zeros((2, 5, 6)), dims=("trial", "row", "column"))
    assert from_xarray(images, "trial").names == tuple("012345")
    with pytest.raises(ValueError, match="'trial' has no coordinate"):
        _ = from_xarray(images, "trial").seconds


def test_dates_and_durations_are_seconds() -> None:
    dates = pandas.date_range("2026-01-01", periods=3, freq="50ms", tz="Europe/Berlin")
    np.testing.assert_allclose(
        from_pandas(pandas.Series([1.0, 2, 3], index=dates)).seconds, [0, 0.05, 0.1]
    )
    spans = made().assign_coords(time=np.array([10, 30, 50, 70], "m8[ms]"))
    np.testing.assert_allclose(from_xarray(spans, "time").seconds, [0, 0.02, 0.04, 0.06])
    frames = made().assign_coords(time=("time", range(4), {"units": "frames"}))
    with pytest.raises(ValueError, match="'time' is in 'frames'"):
        _ = from_xarray(frames, "time").seconds
    with pytest.raises(ValueError, match="no times"):
        _ = from_pandas(pandas.Series([1.0, 2], index=["a", "b"])).seconds


def test_frames_with_missing_values() -> None:
    frame = pandas.DataFrame({"speed": [1.0, np.nan, 3], 5: pandas.array([1, None, 3], "Int64")})
    found = from_pandas(frame)
    assert found.names == ("speed", "5") and found.values.dtype == np.float64
    np.testing.assert_array_equal(found.values, [[1, 1], [np.nan, np.nan], [3, 3]])
    back = found.back(np.ones((3, 2)))
    assert list(back.columns) == ["speed", 5] and back.index.equals(frame.index)
    side = pandas.Series(pandas.Categorical(["l", "r", "l"]), name="side")
    assert from_pandas(side).values.tolist() == ["l", "r", "l"]
    assert from_pandas(side).back(["r", "r", "r"]).name == "side"
    single = from_pandas(pandas.DataFrame({"a": np.zeros(3, np.float32)}))
    assert single.values.dtype == np.float32


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="no dimension 'trial' among"):
        from_xarray(made(), "trial")
    with pytest.raises(ValueError, match="a Dataset: pick one of"):
        from_xarray(made().to_dataset(), "time")
    with pytest.raises(ValueError, match="a list is no DataArray"):
        from_xarray([1], "time")
    with pytest.raises(ValueError, match="has dtype"):
        from_xarray(made().astype(complex), "time")
    with pytest.raises(ValueError, match="column 'side' is"):
        from_pandas(pandas.DataFrame({"a": [1], "side": ["l"]}))
    with pytest.raises(ValueError, match="column 'when' is datetime64"):
        from_pandas(pandas.DataFrame({"when": pandas.date_range("2026-01-01", periods=2)}))
    with pytest.raises(ValueError, match="column 'side' has 1 missing values"):
        from_pandas(pandas.Series(["l", None], name="side"))
    with pytest.raises(ValueError, match="a dict is no DataFrame"):
        from_pandas({})
    with pytest.raises(ValueError, match=r"shape \(4,\), and the names are of \(4, 3\)"):
        from_xarray(made(), "time").back(np.zeros(4))


@pytest.mark.slow
def test_from_names_to_a_table_and_back() -> None:
    rng = np.random.default_rng(0)
    x = pandas.DataFrame(rng.normal(size=(80, 2)), columns=["speed", "pupil"])
    y = xarray.DataArray(
        (x.values @ rng.normal(size=(2, 3))).T, dims=("unit", "time"), coords={"unit": list("abc")}
    )
    given, wanted = from_pandas(x), from_xarray(y, "time")
    fit = jn.make_fit(jn.models.linear(), jn.losses.squared_error, jn.optimizers.lbfgs())
    inputs = jn.make_inputs(given.values, wanted.values)
    fits = jn.fit_many(fit, inputs, [jn.axes.targets(3, wanted.names)])
    assert fits.table()["target"].tolist() == ["a", "b", "c"]
    predicted = wanted.back(fits.predict(given.values).T)
    xarray.testing.assert_allclose(predicted.transpose(*y.dims), y, atol=1e-3)
