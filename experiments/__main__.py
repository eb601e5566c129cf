"""All three jobs, and one closing table."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from experiments import brain_areas, neural_decoding, neuron_activity
from experiments.runs import command_line
from jaxneuro.adapters.read import Picks
from jaxneuro.report import closing_table


@dataclass
class Options(Picks):
    """Run the three jobs on embedded real recordings: neuron activity, brain areas, decoding.

    About five minutes on two cores, and 100 MB to download once; compiled programs are kept in
    ~/.cache/jaxneuro. Each job writes summary.json, fits.csv, PNG figures and report.html into its
    own folder of --out. `python -m experiments.neuron_activity`, `.brain_areas` and
    `.neural_decoding` run one each, and have more options.
    """

    data: Path | None = None
    """A file to run every job on instead: .npz, .nwb, .mat, .csv, -epo.fif, or a folder of Kilosort
    or suite2p; a job that cannot take it says why."""
    out: Path = Path("results")
    """Folder to write into."""
    seed: int = 0
    """Of all random numbers."""
    quick: bool = False
    """Small, for a smoke test: the figures mean nothing."""


def main(options: Options) -> list[dict[str, Any]]:
    """Runs the jobs, prints the closing table and returns the summaries."""
    jobs: list[tuple[str, Any, Callable[[Any], dict[str, Any]]]] = [
        ("neuron_activity", neuron_activity.Options, neuron_activity.main),
        ("brain_areas", brain_areas.Options, brain_areas.main),
        ("neural_decoding", neural_decoding.Options, neural_decoding.main),
    ]
    summaries = []
    picks = {field.name: getattr(options, field.name) for field in fields(Picks)}
    picks = {name: value for name, value in picks.items() if value is not None}
    for name, make, run in jobs:
        given = {} if options.data is None else {"data": str(options.data), **picks}
        print(f"{name} …", flush=True)
        settings = {"out": options.out / name, "seed": options.seed, "quick": options.quick}
        try:
            summaries.append(run(make(**settings, **given)))
        except ValueError as error:
            if options.data is None:
                raise
            print(f"  cannot take it: {error}", flush=True)
    if not summaries:
        raise ValueError(f"--data {options.data}: no job could take it")
    print(closing_table(summaries))
    return summaries


if __name__ == "__main__":
    command_line(Options, main, None)
