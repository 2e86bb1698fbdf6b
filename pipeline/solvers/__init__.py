"""Plug-ins: ways to train that solve for the embeddings of a node type exactly instead of following gradients; one per file.

Import data and kernels. ``base`` is what a solver is.
"""
