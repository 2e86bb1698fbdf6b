"""Raw files of one data set -> filtered, numbered, split tables."""

from collections.abc import Sequence

from pipeline import plugins
from pipeline.data.preprocessing import preprocess
from pipeline.data.storage import save_processed
from pipeline.files import check_folder, new_folder
from pipeline.params import read_params
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Read, preprocess, save."""
    args = parser(__doc__, "params", "raw", "out", names=["dataset"]).parse_args(argv)
    params = read_params(args.params).preprocess
    raw = plugins.load("datasets", args.dataset).read(check_folder(args.raw))
    processed = preprocess(
        raw,
        min_rating=params.min_rating,
        k=params.k_core,
        method=params.split,
        ratios=params.ratios,
        seed=params.split_seed,
    )
    with new_folder(args.out) as out:
        save_processed(out, processed.split, processed.ids, processed.sides)


if __name__ == "__main__":
    run(main)
