"""One decoder of those compared; from `jaxneuro.compare`."""

from jaxneuro.compare.contender import Classifier, Competitor, Contender, View, of_search

Decoder = Competitor

__all__ = ["Classifier", "Contender", "Decoder", "View", "of_search"]
