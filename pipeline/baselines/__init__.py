"""Plug-ins: methods that learn from the interactions alone and in their own way; one per file."""
