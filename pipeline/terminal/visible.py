"""Names that come from data, shown so that they cannot steer a terminal."""

import re

__all__ = ["visible"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""A text in which control characters are seen and not obeyed: of terminals, and those that turn the direction of writing.

    Tabs and ends of lines stay, and what joins letters and emoji.

    >>> print(visible("\x1b[31mred"))
    \x1b[31mred
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
