"""Plug-ins: losses, from the rows of a step and a task's examples to one number; one per file. ``base`` is what a loss is."""
