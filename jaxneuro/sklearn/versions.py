"""What differs between versions of scikit-learn, from 1.4 on, in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator
except ImportError as error:
    raise ImportError(
        'jaxneuro.sklearn needs scikit-learn: pip install "jaxneuro[sklearn]"'
    ) from error

_FLOATS = [np.float64, np.float32]

try:
    from sklearn.utils.validation import validate_data  # pyright: ignore

    _FINITE = "ensure_all_finite"
except ImportError:  # until 1.5

    def validate_data(estimator: Any, *given: Any, **options: Any) -> Any:
        return estimator._validate_data(*given, **options)

    _FINITE = "force_all_finite"


def checked_x(estimator: Any, X: Any, reset: bool = False, least: int = 1) -> Any:
    """X (sample, feature) as finite numbers; with `reset`, its features are those of the estimator
    from now on, else they must be."""
    return validate_data(estimator, X, reset=reset, dtype=_FLOATS, ensure_min_samples=least)


def checked_xy(estimator: Any, X: Any, y: Any) -> Any:
    """X (sample, feature), finite, and y (sample,) or (sample, target) of numbers, which may be
    missing or infinite."""
    x_options = {"dtype": _FLOATS}
    y_options = {"ensure_2d": False, "dtype": "numeric", _FINITE: False}
    return validate_data(estimator, X, y, validate_separately=(x_options, y_options))


def checked_labels(estimator: Any, X: Any, y: Any) -> Any:
    """X (sample, feature), finite, and y (sample,) of labels of any kind."""
    return validate_data(estimator, X, y, dtype=_FLOATS)


class Tagged(BaseEstimator):
    """An estimator that says what scikit-learn asks of it, as attributes of its class."""

    _many_targets = False  # y may be (sample, target)
    _from_zero = False  # y must not be negative

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # pyright: ignore[reportAttributeAccessIssue]
        tags.target_tags.multi_output = self._many_targets
        tags.target_tags.positive_only = self._from_zero
        return tags

    def _more_tags(self) -> dict[str, Any]:  # until 1.5
        return {
            "multioutput": self._many_targets,
            "requires_positive_y": self._from_zero,
        }
