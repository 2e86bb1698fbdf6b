"""Passwords and tokens in addresses: kept out of files, logs and lines."""

import re

__all__ = ["has_secret", "without_secret"]

_NAMES = r"password|passwd|pwd|token|access_token|secret|api_?key|key|sig|signature|x-amz-signature|credential"


def without_secret(text: str) -> str:
    """A text whose addresses have no user, no password and no token."""
    text = re.sub(r"//[^\s'\"]*@", "//", text)  # greedy: a password may have any sign in it
    return re.sub(rf"(?i)([?&](?:{_NAMES})=)[^&\s'\"]+", r"\1...", text)


def has_secret(address: str) -> bool:
    """Whether an address has a password or a token in it, other than as the name of a variable (``$TOKEN``)."""
    said = re.sub(r"\$(?:\{\w+\}|\w+)", "", address)
    return bool(re.search(rf"(?i)//[^/\s]*:[^/\s@]+@|[?&](?:{_NAMES})=[^&\s]", said))
