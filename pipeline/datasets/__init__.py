"""Plug-ins: data sets; one file per data set, with its raw files and the reader of them."""
