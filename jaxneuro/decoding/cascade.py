"""The Wiener cascade as a decoder."""

from __future__ import annotations

from jaxneuro import losses, optimizers, penalties
from jaxneuro.decoding.fits import SCORES
from jaxneuro.fit import Fit, Stop, make_fit
from jaxneuro.models.cascade import wiener_cascade as cascade
from jaxneuro.types import Array


def wiener_cascade(outputs: int, degree: int = 3, steps: int = 300) -> Fit:
    """A linear filter and a polynomial of each output (Hunter & Korenberg 1986, Biol. Cybern.
    55:135; `models.wiener_cascade`), both at once, by L-BFGS of ½ mean squared error.
    Neural_Decoding (Glaser et al. 2020, eNeuro 7:4) fits the polynomial to what the linear filter
    says. Strength "l2" on the filter's weights of standardised features and on the bends."""
    return make_fit(
        cascade(outputs, degree),
        losses.half_squared_error,
        optimizers.lbfgs(),
        penalties.ridge(where=_before_readout),
        Stop(max_steps=steps, gradient=1e-4),
        scores=SCORES,
        standardise=True,
        precondition=True,
        relative=True,
    )


def _before_readout(path: tuple[str, ...], leaf: Array) -> bool:
    del leaf
    return path[0] != "readout"
