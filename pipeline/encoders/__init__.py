"""Plug-ins: encoders, modules that give the embeddings of all nodes or of some; one per file.

``base`` is what an encoder is.
"""
