"""Put the raw files of one data set into a folder, verified by checksum; or, for the demo, make them."""

from collections.abc import Sequence

from pipeline import plugins
from pipeline.files import new_folder
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch into a new folder."""
    args = parser(__doc__, "out", names=["dataset"]).parse_args(argv)
    dataset = plugins.load("datasets", args.dataset)
    with new_folder(args.out) as out:
        dataset.fetch(out)


if __name__ == "__main__":
    run(main)
