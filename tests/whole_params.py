"""params.yaml together with what lies below it, in one text in which a test can change any line."""

from tests.sources import ROOT

__all__ = ["whole_params"]


def whole_params() -> str:
    """All that `defaults.yaml` says of methods, losses, ... and of the search stands in it too."""
    own = (ROOT / "params.yaml").read_text(encoding="utf-8")
    defaults = (ROOT / "pipeline/config/defaults.yaml").read_text(encoding="utf-8")
    space = defaults[defaults.index("  space:") : defaults.index("# Options of the plug-ins")]
    plug_ins = defaults[defaults.index("encoders:\n") :]
    before, stages, after = own.partition("  stages: []")
    return f"{before}{stages}{after.partition(chr(10))[0]}\n{space}{after.partition(chr(10))[2]}\n{plug_ins}"
