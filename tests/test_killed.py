"""Nothing is lost when workers or the client are killed at any instant; see `killed`."""

import random

import killed
import pytest


@pytest.mark.slow
def test_the_same_bits_after_kills_at_random(tmp_path):
    pytest.importorskip("distributed")
    found, who = killed.disturbed(tmp_path / "run", 3, random.Random(0))
    assert found == killed.checksum(killed.fits())
    assert sum(who.values()) > 0
