"""Raw files of one data set -> filtered, numbered, split tables."""

from collections.abc import Sequence

from pipeline import plugins
from pipeline.data.preprocessing import preprocess
from pipeline.data.storage import save_processed
from pipeline.files import check_folder, new_folder
from pipeline.params import read_params, unchanged
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Read, preprocess, save."""
    args = parser(__doc__, "params", "raw", "out", names=["dataset"]).parse_args(argv)
    params = read_params(args.params)
    chosen = params.preprocess
    raw = plugins.load("datasets", args.dataset).read(check_folder(args.raw))
    processed = preprocess(
        raw,
        min_rating=chosen.min_rating,
        k=chosen.k_core,
        method=chosen.split,
        ratios=chosen.ratios,
        seed=chosen.split_seed,
    )
    with new_folder(args.out) as out:
        save_processed(out, processed.split, processed.ids, processed.sides)
        unchanged(args.params, params, lambda p: p.preprocess)


if __name__ == "__main__":
    run(main)
