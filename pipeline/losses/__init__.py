"""Plug-ins: losses, from the rows of a step and a task's examples to one number; one per file.

Import data and kernels. ``base`` is what a loss is; it names the columns of the examples that it reads.
"""
