"""What a search may choose from."""

from typing import Annotated, Any

import pydantic
from pydantic import Field

from pipeline.strict_model import StrictModel

__all__ = ["Choices", "Range", "Space"]


class Range(StrictModel):
    """Range of a float to search, rounded to three significant digits; integers are searched as ``Choices``."""

    low: float
    high: float
    log: bool = False

    @pydantic.model_validator(mode="after")
    def _is_one(self) -> "Range":
        if not (self.low < self.high and (self.low > 0 or not self.log)):
            raise ValueError("a range with low < high, and with low > 0 if log is true")
        return self


class Choices(StrictModel):
    """Discrete values to search."""

    choices: Annotated[tuple[Any, ...], Field(strict=False, min_length=1)]


Space = dict[str, Range | Choices]
"""Key path -> what it may be."""
