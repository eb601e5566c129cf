"""Categories and events out of real recordings, each held-out run or block scored once."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from jaxneuro import axes, data, decoding, metrics, splits
from jaxneuro.data.events import standardise_runs
from jaxneuro.selection import past_of


@pytest.mark.slow
def test_haxbys_categories_by_block():
    """Eight categories, 96 blocks, one of twelve runs left out: scikit-learn's logistic regression
    has .740."""
    nibabel = pytest.importorskip("nibabel")
    root = os.environ.get("JAXNEURO_TEST_DATA")
    if root is None:
        pytest.skip("JAXNEURO_TEST_DATA is not set")
    folder = Path(root) / "haxby_one_slice"
    rows = np.loadtxt(folder / "attributes_literal.txt", dtype=str)
    rows = rows[rows[:, 0] != "labels"]
    names, run = rows[:, 0], rows[:, 1].astype(int)
    mask = nibabel.load(folder / "mask.nii.gz").get_fdata() > 0
    volumes = standardise_runs(nibabel.load(folder / "bold.nii.gz").get_fdata()[mask].T, run)
    edges = np.flatnonzero(np.r_[True, (names[1:] != names[:-1]) | (run[1:] != run[:-1]), True])
    kept = [slice(a, b) for a, b in pairwise(edges) if names[a] != "rest"]
    x = np.stack([volumes[block].mean(axis=0) for block in kept])
    label, runs = (np.array([values[block.start] for block in kept]) for values in (names, run))
    assert x.shape[0] == 96 and len(set(label)) == 8
    by_run = splits.leave_one_group_out(runs)
    found = decoding.sliding(x[:, None], label, by_run, "lda")
    assert found.accuracy[0] >= 0.85
    l2 = [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]
    chosen = decoding.sliding(x[:, None], label, by_run, "logistic", l2=l2, groups=runs)
    assert chosen.accuracy[0] >= 0.74


@pytest.mark.slow
def test_the_onset_of_an_event_is_in_the_bold_signal_around_it():
    try:
        recording = data.event_related_bold()
    except data.DataUnavailable as error:
        if os.environ.get("JAXNEURO_REQUIRE_DATA") == "1":
            raise
        pytest.skip(str(error))
    bold = recording.arrays["bold"].astype(np.float32)[:, None]
    event = recording.arrays["events"] > 0
    past, ahead = 12, 24
    x = past_of(bold, past, ahead).lay(bold)
    outer = splits.blocks(len(x), 5, gap=past + ahead)
    nested = splits.nested(outer, lambda i: splits.blocks(len(i), 3, gap=past + ahead))
    grid = axes.grid(l2=[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    y = event[:, None].astype(np.float32)
    found = decoding.search_one(decoding.linear_decoder(1), x, y, nested, grid)
    held = outer.test.max(axis=0) > 0
    assert metrics.auc(event[held].astype(int), found.predictions[held, 0]) >= 0.90
