"""NWB files: what one holds, and its units, intervals and time series by name.

Each function takes a path, or an `NWBFile` that is open already (as one that is streamed).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxneuro.adapters import hdf5
from jaxneuro.adapters.signals import Signals, signals
from jaxneuro.data.labels import plain
from jaxneuro.extras import needed

Table = dict[str, NDArray[Any]]


def nwb_contents(file: Any) -> Table:
    """What a file holds, a row for each: units, tables of intervals and time series.

    Returns:
      Columns name (as the other functions take it), kind, shape, rate (a second; NaN where every
      sample has its time) and unit.

    Raises:
      as `nwb_units`.
    """
    with _opened(file) as content:
        rows: list[tuple[str, str, str, float, str]] = []
        for name, table in _tables(content).items():
            kind = "units" if name == "units" else "intervals"
            columns = ", ".join(table.colnames)
            rows.append((name, kind, f"{len(table)} rows: {columns}", np.nan, ""))
        for name, series in _series(content).items():
            rate = np.nan if series.rate is None else float(series.rate)
            shape = str(tuple(np.shape(series.data)))
            rows.append((name, type(series).__name__, shape, rate, str(series.unit)))
    columns = ("name", "kind", "shape", "rate", "unit")
    return {name: np.array([row[i] for row in rows]) for i, name in enumerate(columns)}


def nwb_units(file: Any) -> dict[str, NDArray[np.float64]]:
    """Spike times of sorted units by their ids, (spike,) seconds, rising, for
    `features.bin_spikes`; a unit may have none.

    Raises:
      FileNotFoundError: no such file.
      ImportError: pynwb is not installed.
      ValueError: not NWB, leads out of the file, or has no units with spike times; or names the
        unit with a spike that has no time.
    """
    with _opened(file) as content:
        units = content.units
        if units is None or "spike_times" not in units.colnames:
            raise ValueError(f"{_name(file)}: has no units with spike_times")
        found: dict[str, NDArray[np.float64]] = {}
        for place, name in enumerate(np.asarray(units.id[:])):
            times = np.sort(np.asarray(units.get_unit_spike_times(place), np.float64))
            if not np.isfinite(times).all():
                raise ValueError(f"{_name(file)}: unit {name} has a spike without a finite time")
            found[str(name)] = times
        return found


def nwb_table(file: Any, name: str = "trials") -> Table:
    """Columns of the trials, of another table of intervals, or what is known of the units: numbers
    and strings, one a row. (Of intervals start_time and stop_time in seconds.) Columns that hold
    more than that, such as spike times, are left out.

    Raises:
      ValueError: no such table, with those that there are; or as `nwb_units`.
    """
    with _opened(file) as content:
        tables = _tables(content)
        if name not in tables:
            raise ValueError(f"{_name(file)}: no table {name!r} among {list(tables)}")
        found: Table = {"id": np.asarray(tables[name].id[:])}
        for column in tables[name].colnames:
            values = tables[name][column]
            if hasattr(values, "target") or type(values).__name__ == "DynamicTableRegion":
                continue  # ragged, or rows of another table
            with contextlib.suppress(ValueError):  # objects: no column of numbers or strings
                array = plain(list(values[:]), column)
                if array.ndim == 1 and len(array) == len(tables[name]):
                    found[column] = array
        return found


def nwb_series(file: Any, name: str) -> Signals:
    """A time series (time, channel) in its unit, conversion and offset applied, float64.

    Args:
      file: a path, or an open `NWBFile`.
      name: as in `nwb_contents`, or its last part where no other ends so.

    Raises:
      ValueError: no such series, or several; not (time,) or (time, channel); times that do not
        rise; or as `nwb_units`.
    """
    with _opened(file) as content:
        known = _series(content)
        fits = [path for path in known if path == name or path.endswith(f"/{name}")]
        if name not in known and len(fits) != 1:
            what = f"{len(fits)} series" if fits else "no series"
            raise ValueError(f"{_name(file)}: {what} {name!r} among {list(known)}")
        series = known[name if name in known else fits[0]]
        where = f"{_name(file)}: series {name!r}"
        shape = tuple(np.shape(series.data))
        if len(shape) not in (1, 2) or not all(shape):
            raise ValueError(f"{where}: has shape {shape}; it must be (time,) or (time, channel)")
        x = np.asarray(series.data[:])
        if x.dtype.kind not in "biuf":
            raise ValueError(f"{where}: holds {x.dtype}, no numbers")
        scale = float(series.conversion) * np.asarray(_channel_conversion(series), np.float64)
        x = x.reshape(len(x), -1).astype(np.float64) * scale + float(series.offset)
        if series.timestamps is not None:
            times = np.asarray(series.timestamps[:], np.float64)
        else:
            times = float(series.starting_time or 0) + np.arange(len(x)) / float(series.rate)
        return signals(x, times, _channels(series, x.shape[1]), where, str(series.unit))


@contextlib.contextmanager
def _opened(file: Any) -> Iterator[Any]:
    if hasattr(file, "acquisition") and hasattr(file, "units"):
        yield file
        return
    pynwb = needed("pynwb", "nwb")
    hdf5.check_whole(file, "nwb")
    with contextlib.ExitStack() as stack:
        try:
            io = stack.enter_context(pynwb.NWBHDF5IO(str(file), "r"))
            content = io.read()
        except Exception as error:  # pynwb raises many kinds for files that are not NWB
            raise ValueError(f"{file}: not an NWB file that pynwb reads ({error})") from error
        with hdf5.reading(str(file)):
            yield content


def _name(file: Any) -> str:
    return str(file) if isinstance(file, str | Path) else "NWB"


def _tables(content: Any) -> dict[str, Any]:
    found = {} if content.units is None else {"units": content.units}
    named = {"trials": content.trials, "epochs": content.epochs}
    found |= {name: table for name, table in named.items() if table is not None}
    return found | {name: table for name, table in content.intervals.items() if name not in found}


def _series(content: Any) -> dict[str, Any]:
    """By path from the file, such as acquisition/ElectricalSeries."""
    pynwb = needed("pynwb", "nwb")
    roots = {"acquisition": content.acquisition, "stimulus": content.stimulus,
             "processing": content.processing}  # fmt: skip
    found: dict[str, Any] = {}
    every = list(content.children)
    for one in every:  # which grows
        every.extend(one.children)
        if not isinstance(one, pynwb.TimeSeries):
            continue
        path, top = [one.name], one
        while top.parent is not None and top.parent is not content:
            top = top.parent
            path.append(top.name)
        root = next((k for k, held in roots.items() if held.get(top.name) is top), None)
        found["/".join([*([root] if root else []), *reversed(path)])] = one
    return dict(sorted(found.items()))


def _channel_conversion(series: Any) -> Any:
    factors = getattr(series, "channel_conversion", None)
    return 1.0 if factors is None else factors[:]


def _channels(series: Any, count: int) -> list[Any]:
    """Ids of the electrodes or cells, where it is told; else numbers."""
    for field in ("electrodes", "rois"):
        region = getattr(series, field, None)
        if region is not None and len(region.data) == count:
            ids = np.asarray(region.table.id[:])
            return ids[np.asarray(region.data[:])].tolist()
    return list(range(count))
