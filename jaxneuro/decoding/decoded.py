"""What `decode` found: decoders on identical folds, and the one that was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from jaxneuro.compare.compared import Compared, Job
from jaxneuro.compare.contender import Contender
from jaxneuro.decoding.kinds import KINDS

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
