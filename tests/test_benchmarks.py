"""The benchmarks, small: that they run and that all contestants agree. Never a timing."""

import importlib
import json
import math
import subprocess
import sys

import pytest

from benchmarks import table
from benchmarks.__main__ import CASES
from benchmarks.peers import find
from benchmarks.timing import Case, measure

# How far apart the answers may be, in each case's own measure.
AGREE = {
    "neuron_mlp": 1e-5,
    "neuron_mlp_wide": 1e-5,
    "region_cnn": 1e-3,
    "linear_decoder": 1e-4,
    "poisson_glm": 1e-4,
    "glm_search": 1e-3,
    "nemos_basis": 1e-4,
    "ridge_cv": 1e-4,
    "ridge_cv_large": 1e-4,
    "banded_ridge": 1e-4,
    "banded_choice": 1e-4,
    "lasso_path": 1e-3,
    "permutations": 1e-6,
    "receptive_fields": 1e-5,
    "betas_ar1": 1e-3,
    "betas_separate": 1e-3,
    "refill": 1e-4,
    "sliding_decoder": 1e-6,
    "time_generalisation": 0.02,
    "time_generalisation_lda": 0.02,
    "searchlight_ridge": 1e-6,
    "searchlight_lda": 1e-6,
    "searchlight_logistic": 0.05,
}
ONLY = {
    "banded_ridge": "himalaya",
    "banded_choice": "himalaya",
    "nemos_basis": "nemos",
    "searchlight_ridge": "nilearn",
    "searchlight_lda": "nilearn",
    "searchlight_logistic": "nilearn",
    "betas_ar1": "nilearn",
    "betas_separate": "nilearn",
}  # cases of a single peer, which need not be installed


def test_every_case_is_known():
    others = {"lanes", "scaling", "million", "file_rows", "workers", "cold_start", "recurrent",
              "halving", "ridge_disk"}  # fmt: skip
    assert set(CASES) == {*AGREE, *others}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use a custom estimator:UserWarning")  # nilearn
@pytest.mark.parametrize("name", CASES)
def test_case(name):
    module, function = CASES[name].split(":")
    made = getattr(importlib.import_module(f"benchmarks.{module}"), function)(True)
    records = measure(made, 1) if isinstance(made, Case) else made
    assert records and all(r["case"] == name and r["seconds"] > 0 for r in records)
    assert all(math.isfinite(r["quality"]) for r in records)
    if name in AGREE:
        alone = name in ONLY and find(ONLY[name]) is None
        assert records[0]["implementation"].startswith("jaxneuro")
        assert len(records) > 1 or alone
        assert all(r["quality"] <= AGREE[name] for r in records[1:]), records
    if name == "poisson_glm":
        assert records[0]["quality"] <= 1e-5
    if name == "banded_choice":
        same = records[0].get("same_choice")  # none where himalaya is not installed
        assert not same or min(same.values()) >= 0.99
    if name == "nemos_basis":
        assert records[0].get("designs_differ", 0) <= 1e-6
    if name == "scaling":  # on one and on two devices
        bits = [r["quality"] for r in records if "devices" in r["implementation"]]
        assert bits == [0, 0]
    assert table.text(records).count("\n") == len(records) - 1
    machine = {"machine": "one, 1 cpu devices", "versions": {"python": "3"}}
    page = table.markdown([{**r, **machine} for r in records], 1.0)
    assert all(r["implementation"] in page for r in records)


@pytest.mark.slow
def test_the_command(tmp_path):
    path = tmp_path / "records.json"
    command = [sys.executable, "-m", "benchmarks"]
    options = ["refill", "--quick", "--against", "once", "--json", str(path)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    records = json.loads(path.read_text())
    wanted = {"case", "implementation", "seconds", "compile_seconds", "fits", "fits_per_second",
              "gflops", "peak_gflops", "quality", "machine", "versions"}  # fmt: skip
    assert all(wanted <= set(record) for record in records)
    told = [record["implementation"] for record in records]
    assert told == ["jaxneuro", "our lanes, filled once"]
    listed = subprocess.run([*command, "--list"], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == list(CASES)
    wrong = subprocess.run([*command, "glm"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "no case ['glm']" in wrong.stderr


def test_results_are_rewritten_in_place(tmp_path):
    pytest.importorskip("matplotlib")
    record = {
        "case": "a", "work": "w", "implementation": "jaxneuro", "seconds": 1.0,
        "compile_seconds": 0.0, "ratio": 1.0, "quality": 0.0, "quality_name": "q",
        "machine": "one, 2 cpu devices", "versions": {"python": "3"}, "fits": 1,
    }  # fmt: skip
    peer = {**record, "implementation": "peer", "seconds": 3.0, "ratio": 3.0, "at_least": 2.0}
    path = tmp_path / "RESULTS.md"
    path.write_text("# Benchmarks\n\nKept above.\n")
    table.write([record, peer], 1.0, tmp_path)
    path.write_text(path.read_text() + "\nKept below.\n")
    table.write([{**record, "seconds": 5.0}, {**peer, "ratio": 7.0}], 1.0, tmp_path)
    text = path.read_text()
    assert text.startswith("# Benchmarks\n\nKept above.\n") and text.endswith("\nKept below.\n")
    assert text.count("| peer |") == 1 and "| 7 |" in text
    table.write([{**r, "machine": "one, 1 gpu devices, H"} for r in (record, peer)], 1.0, tmp_path)
    assert path.read_text().count("| peer |") == 2
    assert (tmp_path / "ratios-cpu.png").exists() and (tmp_path / "ratios-gpu.png").exists()


@pytest.mark.slow
def test_the_parts_of_a_gradient(capsys):
    importlib.import_module("benchmarks.region_cnn_parts").main()
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:]]
    milliseconds = {name.strip(): float(took) for name, took, _ in rows}
    assert milliseconds["the whole gradient"] > milliseconds["second convolution"] > 0
