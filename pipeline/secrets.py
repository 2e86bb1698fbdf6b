"""Passwords and tokens in addresses, in their usual forms: kept out of files, logs and lines."""

import re

__all__ = ["has_secret", "without_secret"]

_NAMES = r"(?:[\w-]*[_-])?(?:token|password|passwd|pwd|secret|signature|api_?key)|sig|auth|x-amz-[\w-]+"
_LONG = 20  # characters of a user that is a token


def without_secret(text: str) -> str:
    """A text whose addresses have no user, no password and no token."""
    text = re.sub(r"://(?!/)[^\s'\"]*@", "://", text)  # greedy: a password may have any sign in it
    return re.sub(rf"(?i)([?&#](?:{_NAMES})=)[^&\s'\"]+", r"\1...", text)


def has_secret(address: str) -> bool:
    """Whether an address has a password or a token in it, other than as the name of a variable (``$TOKEN``)."""
    said = re.sub(r"\$(?:\{\w+\}|\w+)", "", address.rpartition("::")[2])
    who = rf"://(?:[^/?#\s]*:[^/?#\s@]+|[^/?#\s@]{{{_LONG},}})@"
    return bool(re.search(rf"(?i){who}|[?&#](?:{_NAMES})=[^&\s]", said))
