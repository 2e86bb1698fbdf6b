"""Check params.yaml whole before anything is downloaded or trained: a typing error costs a second, not a training."""

from collections.abc import Sequence

from pipeline.dataset_record import record
from pipeline.files import new_folder, write_json
from pipeline.options import check_all_options, settings
from pipeline.params import read_params
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Refuse params.yaml, or write what it says for each data set and for each method on it.

    A file of ``<data set>/`` holds what one stage works by, ``overrides`` included, and the checksums of the plug-ins' code:
    what a stage makes is made anew exactly when its file changes. This stage runs every time, because nothing else tells DVC
    that a file of an own data set has changed.
    """
    args = parser(__doc__, "params", "out").parse_args(argv)
    params = read_params(args.params)
    check_all_options(args.params, params)
    with new_folder(args.out) as out:
        for name in params.datasets:
            folder, of_dataset = out / name, params.of(args.params, name)
            (folder / "methods").mkdir(parents=True)
            write_json(folder / "download.json", record(args.params, params, name))
            for section in ("preprocess", "build_tasks"):
                write_json(folder / f"{section}.json", getattr(of_dataset, section).model_dump(mode="json"))
            for method in params.methods:
                write_json(folder / "methods" / f"{method}.json", settings(args.params, params, name, method))


if __name__ == "__main__":
    run(main)
