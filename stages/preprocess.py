"""Raw files of one data set -> filtered, numbered, split tables."""

from collections.abc import Sequence

from pipeline.data.preprocessing import preprocess
from pipeline.data.storage import save_processed
from pipeline.dataset_record import open_dataset
from pipeline.files import check_folder, new_folder, read_json
from pipeline.sections import Preprocess
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Read, preprocess, save."""
    args = parser(__doc__, "settings", "record", "raw", "out").parse_args(argv)
    check_folder(args.record.parents[1])
    chosen = Preprocess.model_validate(read_json(args.settings))
    raw = open_dataset(read_json(args.record)).read(check_folder(args.raw))
    processed = preprocess(raw, min_rating=chosen.min_rating, k=chosen.k_core, splitting=chosen.splitting())
    with new_folder(args.out) as out:
        save_processed(out, processed.split, processed.ids, processed.sides)


if __name__ == "__main__":
    run(main)
