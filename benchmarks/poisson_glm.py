"""A Poisson GLM with ridge for each of many neurons, against scikit-learn's loop."""

from typing import Any

import numpy as np

import jaxneuro as jn
from benchmarks.timing import interleaved, peak_gflops


def run(quick: bool) -> list[dict[str, Any]]:
    """T = 10 000, 40 features, 200 neurons, l2 = 0.001; the gradient of every neuron ≤ 1e-5."""
    samples, features, neurons = (1000, 10, 8) if quick else (10_000, 40, 200)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, features)).astype(np.float32)
    weights = rng.normal(0, 0.1, (features, neurons))
    y = rng.poisson(np.exp(x @ weights - 1)).astype(np.float32)
    inputs = jn.make_inputs(x, y, hyper={"l2": 1e-3})
    fit = jn.make_fit(
        jn.models.linear(), jn.losses.poisson, jn.optimizers.lbfgs(), jn.penalties.ridge()
    )
    axes = [jn.axes.targets(neurons)]
    found: dict[str, Any] = {"jaxneuro": jn.fit_many(fit, inputs, axes)}
    compile_seconds = found["jaxneuro"].compile_seconds

    def ours() -> None:
        found["jaxneuro"] = jn.fit_many(fit, inputs, axes)

    runs = {"jaxneuro": ours}
    try:
        from sklearn.linear_model import PoissonRegressor
    except ImportError:
        print("scikit-learn is not installed: pip install 'jaxneuro[bench]'")
    else:

        def theirs() -> None:
            models = [PoissonRegressor(alpha=1e-3, tol=1e-5, max_iter=300).fit(x, y[:, i])
                      for i in range(neurons)]  # fmt: skip
            found["sklearn loop"] = np.stack([model.coef_ for model in models])

        runs["sklearn loop"] = theirs
    seconds = interleaved(runs, 1 if quick else 3)
    kernels = found["jaxneuro"].params["readout"]["kernel"][..., 0]
    records = []
    for name in runs:
        differ = 0.0 if name == "jaxneuro" else float(np.abs(found[name] - kernels).max())
        records.append({
            "case": "poisson_glm",
            "implementation": name,
            "seconds": seconds[name],
            "compile_seconds": compile_seconds if name == "jaxneuro" else 0.0,
            "fits": neurons,
            "fits_per_second": neurons / seconds[name],
            "peak_gflops": peak_gflops(),
            "quality": float(found["jaxneuro"].gradient_norm.max())
            if name == "jaxneuro" else differ,
            "quality_name": "largest gradient norm" if name == "jaxneuro"
            else "largest difference of a coefficient from ours",
        })  # fmt: skip
    return records
