"""Plug-ins: losses; one per file."""
