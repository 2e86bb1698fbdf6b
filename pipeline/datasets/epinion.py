"""Epinions: product ratings with categories, and who trusts whom (the trust study of Tang et al., KDD 2012).

Its ratings were never at hand when this was written: the files are verified by their git blob ids, and the reader was tested on
Ciao, which has the same columns.
"""

from functools import partial

from pipeline.data.raw.download import fetch
from pipeline.datasets._trust import LEAKS, RATINGS, TRUST, read_trust_study, trust_file
from pipeline.datasets.base import Dataset

__all__ = ["epinion"]

_FILES = (
    trust_file(RATINGS, "d751e1f02d57bb15345db8b545fe1125f2d6e593"),
    trust_file(TRUST, "4639f54c2dac96b4bf69e18253a9c3996e104505"),
)

epinion = Dataset(partial(fetch, _FILES), read_trust_study, LEAKS)
