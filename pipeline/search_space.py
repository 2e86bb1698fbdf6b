"""What a search may choose from."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
from pydantic import Field

from pipeline.strict_model import StrictModel

__all__ = ["Choices", "Range", "RangeOrChoices", "Space"]


class Range(StrictModel):
    """Range of a float to search, rounded to three significant digits; integers are searched as ``Choices``."""

    low: float
    high: float
    log: bool = False

    @pydantic.model_validator(mode="after")
    def _is_one(self) -> "Range":
        if not (self.low < self.high < math.inf and (self.low > 0 or not self.log)):
            raise ValueError("a range with finite low < high, and with low > 0 if log is true")
        return self


class Choices(StrictModel):
    """Discrete values to search."""

    choices: Annotated[tuple[Any, ...], Field(strict=False, min_length=1)]

    @pydantic.field_validator("choices")
    @classmethod
    def _distinct(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(one == other for place, one in enumerate(choices) for other in choices[:place]):
            raise ValueError("a list without duplicates")
        return choices


def _kind(of: object) -> str:
    listed = isinstance(of, Choices) or (isinstance(of, Mapping) and "choices" in of)
    return "<choices>" if listed else "<range>"


# What is written decides which of the two it is meant to be, so that a fault is that of one of them.
RangeOrChoices = Annotated[
    Annotated[Range, pydantic.Tag("<range>")] | Annotated[Choices, pydantic.Tag("<choices>")], pydantic.Discriminator(_kind)
]

Space = dict[str, Range | Choices]
"""Key path -> what it may be."""
