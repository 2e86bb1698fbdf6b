"""Plug-ins: ranking metrics; one per file, from hits to one value per user."""
