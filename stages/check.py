"""Validate all of params.yaml before anything is downloaded or trained: a typo costs a second, not a training."""

import logging
from collections.abc import Sequence

from pipeline.artifacts import new_folder, project_root
from pipeline.config.checked import checked_files
from pipeline.config.precedence import unheard
from pipeline.config.run_config import read_config
from pipeline.dvc_lock import keep_copy
from pipeline.integrity import write_json
from stages._stage import parser, run

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> None:
    """Refuse params.yaml, or write what each stage is to work by.

    This stage runs every time, because nothing else tells DVC that code or a file of an own data set has changed.
    """
    args = parser(__doc__, "params", "out").parse_args(argv)
    keep_copy(project_root() / "dvc.lock", project_root() / ".pmtrec/dvc.lock")
    config, text = read_config(args.params), args.params.read_text(encoding="utf-8")
    for line in unheard(config):
        log.info("%s", line)
    with new_folder(args.out) as out:
        for path, content in checked_files(config):
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            write_json(out / path, content)
        (out / args.params.name).write_text(text, encoding="utf-8")  # what runs attach; the other may change meanwhile


if __name__ == "__main__":
    run(main)
