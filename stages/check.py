"""Check params.yaml whole before anything is downloaded or trained: a typing error costs a second, not a training."""

from collections.abc import Sequence

from pipeline import plugins
from pipeline.dataset_record import record
from pipeline.files import new_folder, write_json
from pipeline.options import check_all_options
from pipeline.params import read_params
from stages._stage import parser, run


def main(argv: Sequence[str] | None = None) -> None:
    """Refuse params.yaml, or write what its methods stand for.

    ``methods/<name>.json`` holds a method's rule, its options and the checksums of its code: a method is trained anew exactly
    when one of these is another. ``datasets/<name>.json`` does the same for the raw files. This stage runs every time, because
    nothing else tells DVC that a file of an own data set has changed.
    """
    args = parser(__doc__, "params", "out").parse_args(argv)
    params = read_params(args.params)
    methods = check_all_options(args.params, params)
    with new_folder(args.out) as out:
        (out / "datasets").mkdir()
        for name in params.datasets:
            write_json(out / "datasets" / f"{name}.json", record(args.params, params, name))
        (out / "methods").mkdir()
        for name, method in methods.items():
            sources = plugins.sources(plugins.method_kind(method.rule), method.rule)
            write_json(out / "methods" / f"{name}.json", {"rule": method.rule, "options": method.options, "sources": sources})


if __name__ == "__main__":
    run(main)
