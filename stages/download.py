"""Put the raw files of one data set into a folder, verified by checksum where one is known; or, for the demo, make them."""

from collections.abc import Sequence

from pipeline.dataset_record import open_dataset
from pipeline.files import check_folder, new_folder, read_json
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch into a new folder."""
    args = parser(__doc__, "record", "out").parse_args(argv)
    check_folder(args.record.parents[1])
    dataset = open_dataset(read_json(args.record))
    with new_folder(args.out) as out:
        dataset.fetch(out)


if __name__ == "__main__":
    run(main)
