"""Ciao: product ratings with categories, and who trusts whom (the trust study of Tang et al., KDD 2012)."""

from functools import partial

from pipeline.data.raw.download import fetch
from pipeline.datasets._trust import LEAKS, RATINGS, TRUST, read_trust_study, trust_file
from pipeline.datasets.base import Dataset

__all__ = ["ciao"]

_FILES = (
    trust_file(f"ciao/{RATINGS}", "488e9aa5f60e6a52a972795b6402f922fc0d9d273152f4d124a5c5bdefb86a71"),
    trust_file(f"ciao/{TRUST}", "97c8617b015a29e8a2d53dadec1279b575551c0a0949951e84affc0e598e7a1a"),
)

ciao = Dataset(partial(fetch, _FILES), read_trust_study, LEAKS)
