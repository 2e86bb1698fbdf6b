"""Plug-ins: data sets, each with its raw files and the reader of them; one per file.

Import data/raw and data. ``base`` is what a data set is; ``custom`` makes one of a description.
"""
