"""The training itself: tasks, steps, the engine of row gradients, the loop, telemetry, the search for settings.

Imports the bases of the plug-ins, evaluation, ranking and data; takes plain keyword arguments, never the configuration. Gives
out ``learn`` and ``learn_baseline``.
"""
