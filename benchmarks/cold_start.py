"""How long until the first result: importing, compiling, and the second time with a cache."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.peers import find

_IMPORTS = {
    "jaxneuro": "import jaxneuro",
    "nemos": "from nemos.glm import PopulationGLM",
    "torch": "import torch",
}

_FIRST = """
import numpy as np
import jaxneuro as jn
rng = np.random.default_rng(0)
x = rng.normal(size=(1000, 20))
y = rng.poisson(np.exp(x @ rng.normal(0, 0.1, (20, 20))))
fit = jn.make_fit(jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(),
                  jn.penalties.ridge())
print(jn.fit_many(fit, jn.make_inputs(x, y, hyper={"l2": 1e-3}), [jn.axes.targets(20)]).statuses())
"""

_FIRST_NEMOS = """
import numpy as np
import nemos
rng = np.random.default_rng(0)
x = rng.normal(size=(1000, 20))
y = rng.poisson(np.exp(x @ rng.normal(0, 0.1, (20, 20))))
model = nemos.glm.PopulationGLM(regularizer="Ridge", regularizer_strength=1e-3,
                                solver_name="LBFGS")
print(model.fit(x, y).coef_.shape)
"""


def run(quick: bool) -> list[dict[str, Any]]:
    """Whole processes, Python's own start included; medians."""
    repeats = 1 if quick else 5
    programs = {f"import {name}": (text, {}) for name, text in _IMPORTS.items() if find(name)}
    programs["first result, jaxneuro"] = (_FIRST, {})
    if find("nemos"):
        programs["first result, nemos"] = (_FIRST_NEMOS, {})
    with tempfile.TemporaryDirectory() as folder:
        cache = {
            "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        }
        _seconds(_FIRST, cache)
        programs["first result, jaxneuro, compiled before"] = (_FIRST, cache)
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(repeats):
            for name, (program, more) in programs.items():
                seconds[name].append(_seconds(program, more))
    records = []
    for name, taken in seconds.items():
        start = "first result, jaxneuro" if name.startswith("first") else "import jaxneuro"
        second = statistics.median(taken)
        records.append({
            "case": "cold_start",
            "work": "20 GLMs, T=1000, 20 features" if name.startswith("first") else "import",
            "implementation": name,
            "seconds": second,
            "compile_seconds": 0.0,
            "ratio": second / statistics.median(seconds[start]),
            "fits": 20 if name.startswith("first") else 0,
            "quality": second,
            "quality_name": "seconds of the whole process",
        })  # fmt: skip
    return records


def _seconds(program: str, more: dict[str, str]) -> float:
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("JAX_", "PYTHONDONTWRITEBYTECODE"))}  # fmt: skip
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], env={**environment, **more},
                   check=True, capture_output=True)  # fmt: skip
    return time.perf_counter() - begun
