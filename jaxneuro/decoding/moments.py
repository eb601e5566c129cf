"""Networks over sequences that learn from every moment of a window, not from its last alone.

A window of the past tells of each of its moments what came before it, so that one pass over a
window gives as many errors to learn from as it has moments, but for the first, which have seen too
little (the errors of the last h' of h moments: Williams & Peng 1990, Neural Comput. 2:490; here of
windows drawn at random, whose state begins at zero). What is fitted so predicts as any network over
sequences does: from the whole window, of its last moment.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxneuro.compare.contender import Contender, of_search
from jaxneuro.compare.recording import Recording
from jaxneuro.features import lags
from jaxneuro.fit import Fit
from jaxneuro.selection.result import Search
from jaxneuro.splits import NestedSplits


def laid(recording: Recording, moments: int) -> Recording:
    """The recording with `y` (sample, moment, output) of the last `moments` of each sample's past,
    in order of time; NaN before the recording or a trial begins.

    A sample is fitted only where a fold fits all of these: those behind a held-out part would else
    tell of it.
    """
    edges, y = recording.edges, recording.y
    flat = np.where(np.isnan(y), 0, y)
    there = lags(np.ones(len(y)), moments, trials=edges) > 0
    missing = ~there | (lags(np.isnan(y), moments, trials=edges) > 0)
    values = np.where(missing, np.nan, lags(flat, moments, trials=edges))[:, ::-1]
    splits = recording.splits
    train = splits.train.reshape(-1, len(y)).T
    fitted = ((lags(train > 0, moments, trials=edges) > 0) | ~there).all(axis=1)
    whole = np.where(fitted, train, 0).T.reshape(splits.train.shape).astype(splits.train.dtype)
    return replace(
        recording,
        y=np.ascontiguousarray(values, np.float32),
        splits=NestedSplits(whole, splits.test, splits.names),
    )


def at_last(one: Contender, fit: Fit, recording: Recording) -> Contender:
    """What was fitted to `laid(recording, ...)`, as `fit`, which takes the same parameters and
    predicts the last moment."""
    wide: Search = one.found
    assert wide.inputs is not None
    found = replace(
        wide,
        inner=None if wide.inner is None else replace(wide.inner, fit=fit),
        fits=replace(wide.fits, fit=fit),
        splits=recording.splits,
        inputs=wide.inputs._replace(y=np.asarray(recording.y)),
    )
    return of_search(found, one.view)
