"""The table schema: types and permitted values of the columns, for every data set."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from pipeline.data.raw.layout import Unit
from pipeline.data.tables import HEAD_ID, ITEM_ID, NODE_ID, RATING, TAIL_ID, TIMESTAMP, USER_ID, WEIGHT
from pipeline.errors import InputError, Problem, shortened

__all__ = ["typed"]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "d": "days"}
_UNITS = f"set its unit ({', '.join([*_WORDS, 'iso, order'])})"
_HEAVIEST = 1e100
_LARGEST = 9.2e18  # still fits into int64
_DAY = 86_400
_YEAR_1990 = 631_152_000
_OTHER_UNIT = 100  # times less than the latest: no log is that long, units are a thousand times apart, and 0 is no time

# A check's text says what the value must be. Only the first failed check of a field is reported.
_ID = pandera.Column(
    "str",
    [
        pandera.Check(lambda ids: ids != "", error="an id"),
        pandera.Check(lambda ids: ~ids.str.contains("[\r\n]"), error="an id without line breaks (a quote may be unclosed)"),
    ],
    required=False,
)
_SCHEMA = pandera.DataFrameSchema(
    {
        **dict.fromkeys([USER_ID, ITEM_ID, HEAD_ID, TAIL_ID, NODE_ID], _ID),
        RATING: pandera.Column(
            "float64",
            pandera.Check(lambda ratings: ratings.abs() < np.inf, error="a finite number", ignore_na=False),
            nullable=True,
            required=False,
        ),
        WEIGHT: pandera.Column(
            "float64",
            # Sums of weights must stay finite too.
            pandera.Check(lambda w: (w > 0) & (w <= _HEAVIEST), error="a number > 0 and <= 1e100", ignore_na=False),
            nullable=True,
            required=False,
        ),
    }
)


def typed(table: pd.DataFrame, where: str, unit: Unit = "s", numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Validate text columns and convert them to their types.

    Ids stay text. Ratings and weights become float64 and must be finite, weights also > 0. Timestamps become whole seconds
    since 1970 (int64) and must lie between 1970 and tomorrow: values outside this range, numbers that all lie before 1990, or
    some that are less than a hundredth of the latest mean that the declared unit is wrong, or mixed.

    Args:
        table: Text columns, any of ``user_id``, ``item_id``, ``head_id``, ``tail_id``, ``rating``, ``weight``,
            ``timestamp``. The index holds row numbers in the file; rows exploded from one row of it share its number.
        where: Name of the file in error messages.
        unit: Unit of the timestamps.
        numbers: Further columns, which become float64 and must be finite.

    Returns:
        The same columns, rows numbered from 0.

    Raises:
        InputError: One line per invalid value, or a single line for a long column without any valid value.
    """
    found, problems = table.reset_index(drop=True), []
    for column in table.columns.intersection([RATING, WEIGHT, *numbers]):
        found[column] = pd.to_numeric(found[column], errors="coerce").astype("float64")
    if TIMESTAMP in table:
        found[TIMESTAMP], wrong = _seconds(found[TIMESTAMP], unit)
        problems += _time_faults(table[TIMESTAMP], found[TIMESTAMP], wrong, where, unit)
    for column in numbers:
        wrong = ~found[column].abs().lt(np.inf)
        problems += _faults(table[column], wrong, where, "a finite number")
    try:
        _SCHEMA.validate(found, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases.drop_duplicates(["column", "index"])
        for (column, asked), rows in cases.groupby(["column", "check"], sort=False)["index"]:
            wrong = pd.Series(found.index.isin(rows.astype("int64")))
            problems += _faults(table[column], wrong, where, str(asked))
    if problems:
        raise InputError(*sorted(problems, key=lambda problem: problem.row or 0))
    return found


def _faults(values: "pd.Series[str]", wrong: "pd.Series[bool]", where: str, asked: str) -> list[Problem]:
    """One problem per invalid row, or a single one if every row of a long table is invalid."""
    bad = values[wrong.to_numpy()]
    if len(bad) == len(values) > InputError.shown_at_most:
        first = f"all {len(bad):,} values are invalid, the first is {shortened(bad.iloc[0])}"
        return [Problem(where, None, str(values.name), first, f"write {asked}")]
    name = str(values.name)
    return [
        Problem(where, int(row), name, f"found {shortened(text)}", f"write {asked}{_with_a_point(text, asked)}")  # type: ignore[call-overload]
        for row, text in bad.items()
    ]


def _with_a_point(text: str, asked: str) -> str:
    return " with a decimal point" if "number" in asked and re.fullmatch("-?[0-9]+,[0-9]+", text) else ""


def _time_faults(
    texts: "pd.Series[str]", seconds: "pd.Series[Any]", wrong: "pd.Series[bool]", where: str, unit: Unit
) -> list[Problem]:
    """What cannot be read as a time of the unit, and what can, but was most probably meant otherwise."""
    asked = (
        "an ISO 8601 date and time"
        if unit == "iso"
        else f"a whole number of {_WORDS[unit]}"
        if unit in _WORDS
        else "a whole number"
    )
    problems = _faults(texts, wrong, where, f"{asked}, or {_UNITS}")
    if unit == "order":
        return problems
    outside = ~wrong & ~seconds.between(0, int(time.time()) + _DAY)
    problems += _faults(texts, outside, where, f"{asked} between 1970 and now, or {_UNITS}")
    latest = int(seconds.max())
    if unit == "iso" or problems:
        return problems
    if latest < _YEAR_1990:
        day = f"{datetime.fromtimestamp(latest, UTC):%Y-%m-%d}"
        looks = "; they look like YYYYMMDD, which is iso" if _are_calendar_days(texts) else ""
        problem = f"read as {_WORDS[unit]}, all lie before 1990, the latest on {day}{looks}"
        return [Problem(where, None, TIMESTAMP, problem, _UNITS)]
    early = seconds < latest // _OTHER_UNIT
    return _faults(texts, early, where, f"it in {_WORDS[unit]}, as the others are, or leave the row out")


def _asked(unit: Unit) -> str:
    if unit == "iso":
        return "an ISO 8601 date and time"
    return f"a whole number of {_WORDS[unit]}" if unit in _WORDS else "a whole number"


def _are_calendar_days(texts: "pd.Series[str]") -> bool:
    return bool(texts.str.fullmatch("(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])").all())


def _seconds(values: "pd.Series[str]", unit: Unit) -> "tuple[pd.Series[Any], pd.Series[bool]]":
    """Seconds since 1970, and a mask of the values that are not valid timestamps."""
    if unit == "iso":
        dated = values.where(values.str.match("[0-9]{4}"), "")  # pandas would also parse "now" and "today"
        moments = pd.to_datetime(dated, format="ISO8601", utc=True, errors="coerce")
        wrong = moments.isna()
        return moments.mask(wrong, pd.Timestamp(0, tz="UTC")).astype("datetime64[s, UTC]").astype("int64"), wrong
    wrong = ~values.str.fullmatch("-?[0-9]{1,19}")
    wrong |= pd.to_numeric(values.mask(wrong, "0")).astype("float64").abs() > _LARGEST
    whole = pd.to_numeric(values.mask(wrong, "0")).astype("int64")
    if unit == "d":
        wrong |= whole.abs() > _LARGEST // _DAY
        return whole.mask(wrong, 0) * _DAY, wrong
    return whole // _PER_SECOND.get(unit, 1), wrong
