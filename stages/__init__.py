"""One thin module per node of the DAG: argv, params, files in, one library call, files out, log."""
