"""Both sides of every benchmark compute the same numbers; nothing is timed here."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import pairs
from timing import Disagreement, Pair

GROUPS = {
    "single": pairs.single,
    "derivatives": pairs.derivatives,
    "scans": lambda model: pairs.scans(model, (12,)),
    "fits": pairs.fits,
}


@pytest.fixture(scope="module")
def model():
    return pairs.build()


@pytest.mark.parametrize("group", GROUPS)
def test_pairs_agree(model, group):
    for pair in GROUPS[group](model):
        assert pair.check() <= pair.rtol
        assert pair.rtol == 1e-8 or pair.why


@pytest.mark.parametrize("other", [1 + 1e-6, np.nan, [1.0, 1.0]])
def test_different_numbers_are_refused(other):
    pair = Pair("wrong", lambda _: 1.0, lambda _: other, [None], [None])
    with pytest.raises(Disagreement, match="wrong"):
        pair.check()
