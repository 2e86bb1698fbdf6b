"""Plug-ins: combination rules; one rule per file, from the tasks' row gradients to one gradient."""
