"""The examples of docstrings, and of CONTRIBUTING.md, do what they say."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import jaxneuro

MODULES = [
    module.name
    for module in pkgutil.walk_packages(jaxneuro.__path__, "jaxneuro.", onerror=lambda name: None)
]
FINDER = doctest.DocTestFinder()
pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(scope="module")
def examples() -> dict[str, doctest.DocTest]:
    """By the name of what they are examples of; of modules whose extra is missing, none."""
    found = {}
    for name in ["jaxneuro", *MODULES]:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if not (error.name or "").startswith("jaxneuro") and "pip install" in str(error):
                continue
            raise
        found |= {test.name: test for test in FINDER.find(module, name) if test.examples}
    return found


def test_every_example_prints_what_it_says(examples):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    told: list[str] = []
    for test in examples.values():
        runner.run(test, out=told.append)
    assert not runner.failures, "".join(told)
    assert runner.tries >= 40


def test_contributings_code_runs(capsys):
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    scope: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(block, scope)
    promised = re.search(r"print\(.*# (.*)", text)
    assert promised is not None and promised.group(1) in capsys.readouterr().out
    assert scope["fits"].statuses() == {"converged": 18}
