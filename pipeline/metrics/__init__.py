"""Plug-ins: metrics of a ranking, functions that name what they need of it; one per file. ``base`` lists what there is."""
