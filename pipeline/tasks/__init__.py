"""Plug-ins: tasks, what embeddings learn from: built from training data alone, sampled each epoch; one per file.

Import data and kernels. ``base`` is what a task and its sampler are; losses are plug-ins of their own.
"""
