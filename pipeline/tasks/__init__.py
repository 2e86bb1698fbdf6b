"""Plug-ins: tasks, what embeddings learn from: built from training data alone, sampled each epoch; one per file.

``base`` is what a task and its sampler are. Losses are plug-ins of their own.
"""
