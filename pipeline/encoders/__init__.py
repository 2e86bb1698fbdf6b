"""Plug-ins: encoders, modules that give the embeddings of all nodes or of some; one per file.

Import data and kernels. ``base`` is what an encoder is, and how a gradient of embeddings becomes one of its parameters.
"""
