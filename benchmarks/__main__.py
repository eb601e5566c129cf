"""`python -m benchmarks [NAME ...] [--json FILE] [--quick] [--list]`."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import table

# A case is a file here, and a function in it: `module:function`.
CASES = {
    "neuron_mlp": "neuron_mlp:narrow",
    "neuron_mlp_wide": "neuron_mlp:wide",
    "region_cnn": "region_cnn:case",
    "linear_decoder": "linear_decoder:case",
    "poisson_glm": "glm:one_penalty",
    "glm_search": "glm:search",
    "nemos_basis": "nemos_basis:case",
    "ridge_cv": "ridge_cv:small",
    "ridge_cv_large": "ridge_cv:large",
    "banded_ridge": "banded_ridge:case",
    "banded_choice": "banded_ridge:choice",
    "lasso_path": "lasso_path:case",
    "permutations": "permutations:case",
    "receptive_fields": "receptive_fields:case",
    "recurrent": "recurrent:case",
    "sliding_decoder": "sliding:sliding",
    "time_generalisation": "sliding:case",
    "time_generalisation_lda": "sliding:lda",
    "searchlight_ridge": "searchlight:ridge",
    "searchlight_lda": "searchlight:lda",
    "searchlight_logistic": "searchlight:logistic",
    "betas_ar1": "betas:prewhitened",
    "betas_separate": "betas:separate",
    "halving": "halving:run",
    "ridge_disk": "ridge_disk:run",
    "refill": "refill:case",
    "lanes": "lanes:run",
    "scaling": "scaling:run",
    "million": "million:run",
    "file_rows": "file_rows:run",
    "workers": "workers:run",
    "cold_start": "cold_start:run",
}


def main() -> None:
    """Runs the cases, prints a table; all of them, not quick, also rewrite RESULTS.md."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Our code and the peers' on the same arrays, side by side. Without names all "
        "cases run, half an hour on two cores, and benchmarks/RESULTS.md is rewritten.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases; none: all")
    parser.add_argument("--json", type=Path, help="write the records here")
    parser.add_argument("--quick", action="store_true", help="small: no timing to be trusted")
    parser.add_argument(
        "--against", nargs="*", metavar="WORD", help="only peers whose names have one of the words"
    )
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(CASES))
    if unknown:
        parser.error(f"no case {unknown}; there are {sorted(CASES)}")
    if options.list:
        print("\n".join(CASES))
        return
    begun = time.perf_counter()
    records = []
    for name in options.names or CASES:
        found = _in_its_own_process(name, options.quick, options.against)
        print(table.text(found), flush=True)
        records += found
    minutes = (time.perf_counter() - begun) / 60
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))
    if not options.names and not options.quick and options.against is None:
        table.write(records, minutes, Path(__file__).parent)


def _in_its_own_process(name: str, quick: bool, against: list[str] | None) -> list[dict]:
    """Each case starts alike: nothing compiled, nothing allocated by the one before."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.json"
        command = [sys.executable, "-m", "benchmarks.case", CASES[name], str(path)]
        command += ["--quick"] * quick
        command += [] if against is None else ["--against", *against]
        environment = {"JAX_NUM_CPU_DEVICES": str(_cores()), **os.environ}
        subprocess.run(command, env=environment, check=True)
        return json.loads(path.read_text())


def _cores() -> int:
    """One device for each core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main()
