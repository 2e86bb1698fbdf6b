"""Check params.yaml whole before anything is downloaded or trained: a typing error costs a second, not a training."""

from collections.abc import Sequence

from pipeline.files import new_folder
from pipeline.params import check_all_options, read_params
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Refuse params.yaml, or write a folder that is always the same, so that a good change reruns nothing by itself."""
    args = parser(__doc__, "params", "out").parse_args(argv)
    params = read_params(args.params)
    check_all_options(args.params, params)
    with new_folder(args.out) as out:
        (out / "params").write_text("checked\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
