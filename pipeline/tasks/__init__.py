"""Plug-ins: tasks; one file per task, which builds its relation from training data and side tables."""
