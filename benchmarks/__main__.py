"""`python -m benchmarks [NAME ...] [--json FILE] [--quick] [--list]`."""

import argparse
import json
import platform
from pathlib import Path

import jax

from benchmarks import poisson_glm

CASES = {"poisson_glm": poisson_glm.run}


def main() -> None:
    """Runs the cases named, prints a table and writes the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases; none: all")
    parser.add_argument("--json", type=Path, help="write the records here")
    parser.add_argument("--quick", action="store_true", help="small: no timing to be trusted")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(CASES))
    if unknown:
        parser.error(f"no case {unknown}; there are {sorted(CASES)}")
    if options.list:
        print("\n".join(CASES))
        return
    machine = {
        "machine": f"{platform.machine()}, {jax.device_count()} × {jax.devices()[0].device_kind}",
        "jax": jax.__version__,
    }
    records = []
    for name in options.names or CASES:
        for record in CASES[name](options.quick):
            records.append({**record, **machine})
            print(
                f"{record['case']:<16}{record['implementation']:<16}{record['seconds']:>10.3f} s  "
                f"compile {record['compile_seconds']:.1f} s  {record['quality_name']} "
                f"{record['quality']:.1e}"
            )
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
