"""Plug-ins: encoders; one module per file, whose forward pass gives the embeddings of all nodes."""
