"""The page for those who come from another tool: its numbers and ours, where that is installed."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "coming.md").read_text()
TOOLS = {"NeMoS": "nemos", "scikit-learn": "sklearn", "himalaya": "himalaya", "nilearn": "nilearn",
         "MNE-Python": "mne"}  # fmt: skip
NEAR = {"NeMoS": 1e-4, "scikit-learn": 1e-4, "himalaya": 1e-9, "nilearn": 1e-5, "MNE-Python": 0.08}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("tool", TOOLS)
def test_their_numbers_are_ours(tool: str) -> None:
    pytest.importorskip(TOOLS[tool])
    head, *parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    scope: dict = {}
    for part in [head, *parts]:  # y of one part is that of the next
        name = part.split("\n")[0]
        if part is not head and name not in ("scikit-learn", tool):
            continue
        if name == "scikit-learn" and tool in ("NeMoS", "nilearn", "MNE-Python"):
            continue
        for block in re.findall(r"```py(?:thon)?\n(.*?)```", part, flags=re.DOTALL):
            exec(block, scope)
    np.testing.assert_allclose(scope["ours"], scope["theirs"], atol=NEAR[tool])
