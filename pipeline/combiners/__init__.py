"""Plug-ins: combination rules, from the tasks' row gradients to one gradient per row; one per file.

``base`` is what a rule is.
"""
