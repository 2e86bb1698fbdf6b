"""Plug-ins: metrics of a ranking, functions that name what they need of it; one per file.

Import ranking. ``base`` lists what there is, and calls them.
"""
