"""Published recordings that the user has downloaded: readers by path."""

from pathlib import Path

import numpy as np

from jaxneuro.data.files import PathLike, read_mat
from jaxneuro.data.types import Recording

_PARK = (
    "Park et al. (2024) Astrocytic modulation of population encoding in mouse visual cortex via "
    "GABA transporter 3 revealed by multiplexed CRISPR/Cas9 gene editing."
)
_STEVENSON = (
    "Stevenson et al. (2011) Statistical assessment of the stability of neural movement "
    "representations. J Neurophysiol 106:764-774. Benjamin et al. (2018) Modern machine learning "
    "as a benchmark for fitting neural responses. Front Comput Neurosci 12:56."
)


def mouse_v1(directory: PathLike) -> list[Recording]:
    """Two-photon calcium activity of mouse visual cortex under drifting gratings.

    Args:
      directory: holds `*_data.mat` files of github.com/surlab/Park_et_al, one a mouse, and where
        at hand the authors' `*_results.mat` beside them.

    Returns:
      One recording a mouse, in the order of the file names:
      `response` (neuron, trial, frame), z-scored; `pupil` (trial, frame), which the file calls a
      z-score although its standard deviation is .05 to .17; `speed` (trial, frame);
      `direction` (trial,) in degrees; `time` (frame,) in seconds from grating onset; `dt`; and with
      the results file `published_r2` (neuron,): the authors' squared correlation on held-out
      trials, averaged over their 8 folds; NaN where it is undefined in one of them.

    Raises:
      FileNotFoundError: no `*_data.mat` there.
      ImportError: scipy is not installed.
      ValueError: a file is not of this layout.

    Source: Park et al. (2024). Their model: lasso on 8 directions × 33 lags, speed and pupil, with
    its penalty from an inner 3-fold search, 8 folds stratified by direction.
    """
    directory = Path(directory)
    paths = sorted(directory.glob("*_data.mat"))
    if not paths:
        raise FileNotFoundError(f"{directory}: no *_data.mat files.")
    return [_mouse(path) for path in paths]


def _mouse(path: Path) -> Recording:
    content = read_mat(path)
    try:
        traces, events, time = content["D"], content["TE"], content["t"]
        names = [name for name in traces._fieldnames if name.startswith("neuron")]
        arrays = {
            "response": np.stack([np.stack(list(getattr(traces, name))) for name in names]),
            "pupil": np.stack(list(traces.pupil_zscore)),
            "speed": np.stack(list(traces.speed)),
            "direction": np.asarray(events.direction, np.int32),
            "time": np.asarray(time),
            "dt": np.array(float(events.dt)),
        }
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not laid out as in Park_et_al/sample-data ({error}).") from error
    units = {
        "response": "z-scored fluorescence",
        "pupil": "pupil size, arbitrary",
        "speed": "running speed, arbitrary",
        "direction": "degree",
        "time": "s",
        "dt": "s",
    }
    results = path.with_name(path.name.replace("_data.mat", "_results.mat"))
    if results.is_file():
        folds = np.stack([neuron.R2.all for neuron in read_mat(results)["rez"]])
        arrays["published_r2"] = folds.mean(axis=1)
        units["published_r2"] = "squared correlation"
    return Recording(
        name="mouse_v1_" + path.name.split("_")[1],
        arrays=arrays,
        units=units,
        description="Two-photon imaging of mouse visual cortex, drifting gratings; one field.",
        licence="MIT (github.com/surlab/Park_et_al)",
        citation=_PARK,
        source=path.name,
    )


def m1_reach(file: PathLike) -> Recording:
    """Spikes of macaque motor cortex (M1 and PMd) and the hand's movement during reaching.

    Args:
      file: `m1_stevenson_2011.mat` of github.com/KordingLab/spykesML.

    Returns:
      `spikes` (time, unit) counts; `velocity` (time, 2) in m/s; `position` (time, 2) in m; `dt`,
      50 ms. The file's third coordinate, constant, is dropped. 18 of its 171 units have fewer than
      100 spikes.

    Raises:
      FileNotFoundError: no such file.
      ImportError: scipy is not installed.
      ValueError: not of this layout.

    Source: Stevenson et al. (2011), as used by Benjamin et al. (2018).
    """
    content = read_mat(file)
    try:
        spikes, velocity, position = (content[name].T for name in ("spikes", "handVel", "handPos"))
        dt = float(np.median(np.diff(content["time"])))
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: not laid out as m1_stevenson_2011.mat ({error}).") from error
    if velocity.shape[1] != 3 or np.ptp(velocity[:, 2]) or np.ptp(position[:, 2]):
        raise ValueError(f"{file}: the third row of handVel and handPos must be constant.")
    return Recording(
        name="m1_reach",
        arrays={
            "spikes": spikes,
            "velocity": velocity[:, :2],
            "position": position[:, :2],
            "dt": np.array(round(dt, 6)),
        },
        units={"spikes": "spikes in a bin of 50 ms", "velocity": "m/s", "position": "m", "dt": "s"},
        description="Macaque M1 and PMd, 171 units, reaching.",
        licence="MIT (github.com/KordingLab/spykesML); data of Stevenson et al. ask for citation",
        citation=_STEVENSON,
        source=Path(file).name,
    )
