"""Plug-ins: optimisers that move some rows of a table and touch nothing else; one per file.

Import kernels. ``base`` is what an optimiser is.
"""
