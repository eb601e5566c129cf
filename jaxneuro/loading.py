"""Any result that jaxneuro saved, by what its manifest says that it is."""

from __future__ import annotations

import os
from pathlib import Path

from jaxneuro.areas.identified import Identified
from jaxneuro.compare import kept
from jaxneuro.decoding.decoded import Decoded
from jaxneuro.encoding import Neurons, neurons_saved
from jaxneuro.selection import Search, archive, saved

_COMPARED = {made.job.kind: made for made in (Decoded, Identified)}


def load(path: str | os.PathLike) -> Search | Neurons | Decoded | Identified:
    """What `save` of `Search`, `Neurons`, `Decoded` or `Identified` wrote: tables, scores, choices,
    parameters and predictions as they were, and `predict` of new samples, without the code of the
    models.

    Raises:
      FileNotFoundError: there is no such file.
      LoadError: it is damaged, no result of jaxneuro, or of a later version.
    """
    arrays, texts = archive.read(Path(path))
    facts = saved.facts_of(path, texts, [saved.KIND, neurons_saved.KIND, *_COMPARED])
    if facts["kind"] == saved.KIND:
        return saved.unpacked(arrays, texts, facts)
    if facts["kind"] in _COMPARED:
        return kept.unpacked(_COMPARED[facts["kind"]], path, arrays, texts, facts)
    return neurons_saved.unpacked(path, arrays, texts, facts)
