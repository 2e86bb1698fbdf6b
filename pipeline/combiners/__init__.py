"""Plug-ins: combination rules, from the tasks' row gradients to one gradient per row; one per file.

``base`` is what a rule is, and what the engine gives it. They import kernels and see rows alone: no data, no tasks, no encoder.
"""
