"""The README's code runs as it stands there, and prints what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

import jaxneuro as jn

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.slow
def test_the_readmes_code_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it saves and reports
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    scope: dict = {}
    for block in blocks:
        exec(block, scope)
    told = capsys.readouterr().out
    promised = re.search(r"print\(fits\.scores.*# (.*)", README)
    assert promised is not None and promised.group(1) in told

    inputs = jn.make_inputs(scope["stimulus"], scope["spikes"], hyper={"l2": 0.1})
    fits = jn.fit_many(scope["fit"], inputs, [jn.axes.targets(100), scope["durations"]])
    assert fits.shape == (100, 4) and np.isfinite(fits.loss).all()


def test_the_readmes_two_commands_stand_alone():
    lines = [line for line in README.splitlines() if line.startswith("pip install -e")]
    assert lines == [
        'pip install -e ".[experiments]" && python -m experiments',
        'pip install -e ".[test]" && pytest',
    ]


def test_the_version_is_the_same_everywhere():
    root = Path(__file__).parents[1]
    cited = re.search(r"^version: (.*)$", (root / "CITATION.cff").read_text(), re.MULTILINE)
    changed = re.search(r"^## (.*)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert cited is not None and changed is not None
    assert cited.group(1) == changed.group(1) == jn.__version__
