"""One thin module per node of the DAG: argv, params, files in, one library call, files out, log."""

import sys

if any(name.startswith("stages.") for name in sys.orig_argv[1:4]):  # the first thing that a stage of DVC's runs
    from pipeline.terminal.parent import guard

    guard()
