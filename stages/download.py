"""Fetch the raw files of one data set into a folder and verify known checksums; the files of the demo are generated."""

from collections.abc import Sequence

from pipeline.artifacts import new_folder
from pipeline.datasets.base import open_dataset
from stages._checked import read_checked
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch into a new folder."""
    args = parser(__doc__, "checked", "out").parse_args(argv)
    record = read_checked(args.checked)
    with new_folder(args.out) as out:
        open_dataset(record["plug_in"], record.get("described")).fetch(out)


if __name__ == "__main__":
    run(main)
