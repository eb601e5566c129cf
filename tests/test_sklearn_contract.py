"""What scikit-learn asks of every estimator; and that programs are compiled once for all."""

import importlib
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import settled
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import jaxneuro.sklearn as ours
from jaxneuro import features
from jaxneuro.engine import programs

pytestmark = pytest.mark.usefixtures("hasty")
TRANSFORMERS = {"BasisFeatures", "Lags"}
# Of nearly separable samples, the loss in double precision tells the optimum to about 1e-7, which
# is what one check allows two fits to differ; where the penalty is stronger, it is sharper.
STRONGER = {"LinearClassifier": {"l2": 0.1}}
NAMES = [n if n in TRANSFORMERS else pytest.param(n, marks=pytest.mark.slow) for n in ours.__all__]


@pytest.mark.parametrize("name", NAMES)
def test_scikit_learn_accepts_it(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", SkipTestWarning)  # the array API, where it is switched off
        check_estimator(getattr(ours, name)(**STRONGER.get(name, {})))


@pytest.mark.parametrize(
    "made", [ours.Lags(3), ours.BasisFeatures(features.raised_cosine(3).filters(4))]
)
def test_what_sees_the_past_fails_the_two_checks_that_it_says(made):
    pytest.importorskip("sklearn", "1.6")
    order, subset = (f"check_methods_{what}_invariance" for what in ("sample_order", "subset"))
    found = check_estimator(made, on_fail=None, on_skip=None)
    failed = {one["check_name"] for one in found if one["status"] == "failed"}
    assert failed == {order, subset}


@pytest.fixture
def built(monkeypatch):
    """Engines that are built, and programs that XLA compiles."""
    counted, build = {"engines": 0, "programs": 0}, programs._build

    def listen(event, seconds, **_):
        counted["programs"] += event == "/jax/core/compile/backend_compile_duration"

    def building(*arguments, **options):
        counted["engines"] += 1
        return build(*arguments, **options)

    settled()
    jax.monitoring.register_event_duration_secs_listener(listen)
    monkeypatch.setattr(programs, "_build", building)
    yield counted
    jax.monitoring.unregister_event_duration_listener(listen)


def recording(samples=120, targets=3):
    random = np.random.default_rng(0)
    x = random.normal(size=(samples, 5))
    return x, x @ random.normal(size=(5, targets)) + random.normal(size=(samples, targets))


def test_a_grid_search_compiles_once_for_its_folds_and_once_for_its_refit(built):
    x, y = recording()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ours.LinearRegressor()),
        {"linearregressor__l2": [0.001, 0.1]},
        cv=5,
    )
    search.fit(x, y)
    assert built["engines"] == 2  # of 96 and of 120 samples, for 11 fits
    assert search.best_params_ == {"linearregressor__l2": 0.001}
    settled()
    built.update(engines=0, programs=0)
    again = clone(search).fit(x + 1, y[:, ::-1])  # other objects, other values
    again.predict(x)
    pickle.loads(pickle.dumps(again)).fit(x, y)
    cross_val_predict(ours.LinearRegressor(0.3), x, y, cv=5)
    settled()
    assert built == {"engines": 0, "programs": 0}


def test_predictions_of_folds_are_those_of_a_loop():
    x, y = recording()
    found = cross_val_predict(ours.LinearRegressor(0.1), x, y, cv=5)
    for test in np.arange(120).reshape(5, 24):
        kept = np.setdiff1d(np.arange(120), test)
        alone = ours.LinearRegressor(0.1).fit(x[kept], y[kept])
        np.testing.assert_array_equal(found[test], alone.predict(x[test]))
    scores = cross_val_score(ours.LinearRegressor(0.1), x, y, cv=5)
    assert scores.shape == (5,) and (scores > 0).all()


def test_what_is_pickled_predicts_the_same():
    x, y = recording()
    frame = pd.DataFrame(x, columns=list("abcde"))
    steps = make_pipeline(ours.BasisFeatures(features.identity()), ours.LinearRegressor(0.1))
    steps.set_output(transform="pandas").fit(frame, y)
    assert list(steps[-1].feature_names_in_) == list("abcde")
    again = pickle.loads(pickle.dumps(steps))
    np.testing.assert_array_equal(again.predict(frame), steps.predict(frame))
    assert again[-1].fits_.statuses() == steps[-1].fits_.statuses()


@pytest.mark.slow
def test_it_runs_in_several_processes():
    x, y = recording()
    regressor = GridSearchCV(ours.LinearRegressor(), {"l2": [0.001, 10.0]}, cv=2, n_jobs=2)
    assert regressor.fit(x, y).best_params_ == {"l2": 0.001}
    alone = GridSearchCV(ours.LinearRegressor(), {"l2": [0.001, 10.0]}, cv=2).fit(x, y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(regressor.cv_results_[name], alone.cv_results_[name], rtol=1e-5)


def test_it_says_what_to_install(monkeypatch):
    for name in [n for n in sys.modules if n.startswith("jaxneuro.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("sklearn", "sklearn.base"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[sklearn\]"'):
        importlib.import_module("jaxneuro.sklearn")
    assert sklearn is not ours


@pytest.mark.slow
def test_jaxneuro_alone_imports_no_scikit_learn():
    code = "import sys, jaxneuro; sys.exit(any(n.split('.')[0] == 'sklearn' for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_the_page_runs_and_prints_what_it_says(capsys):
    page = (Path(__file__).parents[1] / "docs" / "sklearn.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    scope: dict = {}
    for block in blocks:
        exec(block, scope)
    told = capsys.readouterr().out
    for promised in re.findall(r"^(?:print\(.*\)  )?# (.*)", "\n".join(blocks), flags=re.MULTILINE):
        if promised[0] in "[({":
            assert promised in told
