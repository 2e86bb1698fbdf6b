"""Ids that are the same to a person and not to a computer: ``12`` and ``12.0``, ``Ann`` and ``ann``, with a space behind."""

import pandas as pd

from pipeline.data.ids import UNKNOWN, IdMap

__all__ = ["other_forms"]

_SHOWN = 3
_TRIED = 10_000  # distinct unknown ids


def other_forms(raw_ids: "pd.Series[str]", known: IdMap) -> str:
    """What unknown ids would be called among the known ones: `` ('12' is '12.0' there, ...)``; empty if they are just others.

    Args:
        raw_ids: Ids, of which some are unknown.
        known: All ids of the interactions, of the same node type.
    """
    distinct = pd.Series(raw_ids.unique(), dtype="str")
    unknown = distinct[known.numbers(distinct) == UNKNOWN].head(_TRIED)
    if unknown.empty:
        return ""
    there = pd.Series(known.index, index=_plain(pd.Series(known.index, dtype="str")))
    there = there[~there.index.duplicated()]
    found = there.reindex(_plain(unknown)).set_axis(unknown).dropna()
    if found.empty:
        return ""
    examples = ", ".join(f"{here!r} is {other!r} there" for here, other in found.head(_SHOWN).items())
    return f" ({len(found):,} of them in another form: {examples})"


def _plain(ids: "pd.Series[str]") -> "pd.Series[str]":
    """Without spaces around, case, the way of composing accents, zeros before a number and an empty fraction behind it."""
    plain = ids.str.normalize("NFC").str.strip().str.casefold()
    return plain.str.replace(r"^0+(?=\d)", "", regex=True).str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
