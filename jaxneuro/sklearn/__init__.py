"""scikit-learn estimators over `fit_many`; inside, `import sklearn` is scikit-learn's own."""

from jaxneuro.sklearn import versions  # first: it says what to install  # noqa: F401
from jaxneuro.sklearn.classifiers import FitClassifier, LinearClassifier, NetworkClassifier
from jaxneuro.sklearn.regressors import (
    FitRegressor,
    LinearRegressor,
    NetworkRegressor,
    PoissonRegressor,
)
from jaxneuro.sklearn.transformers import BasisFeatures, Lags

__all__ = [
    "BasisFeatures",
    "FitClassifier",
    "FitRegressor",
    "Lags",
    "LinearClassifier",
    "LinearRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "PoissonRegressor",
]
