"""Plug-ins: data sets, each with its raw files and the reader of them; one per file. ``base`` is what a data set is."""
