"""What `decode` found: decoders on identical folds, and the one that was chosen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.compare.compared import Compared, Job
from jaxneuro.compare.contender import Contender
from jaxneuro.decoding.importance import Importance
from jaxneuro.decoding.kinds import KINDS
from jaxneuro.decoding.missed import importance_of

KIND = "jaxneuro decoded"


class Decoded(Compared):
    """Every decoder of the same held-out samples; the attributes are those of `Compared`."""

    job: ClassVar[Job] = Job("neural_decoding", "Neural decoding", "decoder", KIND, KINDS)

    @property
    def decoders(self) -> Mapping[str, Contender]:
        """By name."""
        return self.contenders

    def predict(
        self, x: ArrayLike, trials: ArrayLike | None = None, decoder: str | None = None
    ) -> np.ndarray:
        """New samples (sample, *feature) by the decoder chosen, or another of `decoders`.

        Args:
          x: of a time series, in order: its past is laid out as it was for fitting.
          trials: (sample,) labels; no past reaches over an edge.
          decoder: its name.

        Returns:
          (sample, output) in the units of `y`, or probabilities (sample, class).
        """
        return self._predict(x, trials, decoder)

    def importance(
        self, groups: ArrayLike | None = None, decoder: str | None = None, resamples: int = 999
    ) -> Importance:
        """What is lost where some of the signals are left out: see `decoding.importance`. A decoder
        is fitted anew without each group, at the lags and strengths chosen (a network that learned
        from several moments of a window, from the last), so name one that is fitted quickly;
        `report(folder, importance=...)` puts it on the page.

        Args:
          groups: (feature,) labels of areas, bands, tetrodes, or (*feature); None: each feature by
            itself, by its number in the last axis of `x`.
          decoder: its name; None: the one chosen.
          resamples: of the intervals.

        Raises:
          ValueError: no such decoder; one that is no network or filter fitted step by step, whose
            features cannot be left out so; a result that was loaded, which is without its `x`.
        """
        return importance_of(self, groups, decoder, resamples)

    def report(
        self,
        folder: str | os.PathLike,
        title: str | None = None,
        *,
        importance: Importance | None = None,
    ) -> Path:
        """Writes `report.html`, its figures, `fits.csv` and `summary.json` into `folder`.

        Args:
          folder: made where it is not there.
          title: of the page.
          importance: of `importance`, to be shown there too.

        Returns:
          the path of the page.

        Raises:
          ImportError: the extra `report` is not installed.
        """
        from jaxneuro.compare.page import write_page
        from jaxneuro.decoding.missed import shown

        made = ((), ()) if importance is None else shown(importance, self.score_name)
        return write_page(self, Path(folder), title, *made)
