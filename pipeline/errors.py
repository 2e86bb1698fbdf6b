"""The errors that a person can mend, and the exit code of each.

Every message has the form ``<place>: what is wrong. Fix: what to do``. Anything that is not a ``PmtrecError`` is a defect
of pmtrec and ends with exit code 70.
"""

__all__ = [
    "BusyError",
    "DivergedError",
    "InputError",
    "IntegrityError",
    "MachineError",
    "ParamsError",
    "PmtrecError",
]


class PmtrecError(Exception):
    """Base of all errors that a person can mend.

    Args:
        *problems: One line each; a file with several faults reports them together.
    """

    exit_code = 70
    shown_at_most = 20

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        shown = self.problems[: self.shown_at_most]
        hidden = len(self.problems) - len(shown)
        return "\n".join(shown) + (f"\n... and {hidden} more problems of the same file" if hidden else "")


class InputError(PmtrecError):
    """A file or table does not hold what it must hold."""

    exit_code = 2


class ParamsError(PmtrecError):
    """params.yaml has an unknown key, a missing key or a value that is not allowed."""

    exit_code = 2


class MachineError(PmtrecError):
    """Disk, permission, network or device does not let the work be done."""

    exit_code = 3


class BusyError(PmtrecError):
    """Another process is writing the same output."""

    exit_code = 4


class DivergedError(PmtrecError):
    """A loss became infinite or not a number during training."""

    exit_code = 5


class IntegrityError(PmtrecError):
    """Bytes are not the bytes that were written or promised."""

    exit_code = 6
