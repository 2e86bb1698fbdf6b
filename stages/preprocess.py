"""Raw files of one data set -> filtered, numbered, split tables."""

from collections.abc import Sequence

from pipeline.artifacts import new_folder
from pipeline.data.preprocessing import preprocess
from pipeline.data.splitting import Splitting
from pipeline.data.storage import save_processed
from pipeline.datasets.base import open_dataset
from pipeline.errors import about
from pipeline.integrity import check_folder
from stages._checked import read_checked
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Read, preprocess, save."""
    args = parser(__doc__, "checked", "record", "raw", "out").parse_args(argv)
    record, chosen = read_checked(args.record), read_checked(args.checked)["arguments"]
    with new_folder(args.out) as out, about(args.out.name):
        raw = open_dataset(record["plug_in"], record.get("described")).read(check_folder(args.raw))
        save_processed(out, preprocess(raw, **chosen | {"splitting": Splitting(**chosen["splitting"])}))


if __name__ == "__main__":
    run(main)
