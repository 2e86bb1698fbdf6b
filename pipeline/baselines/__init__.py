"""Plug-ins: methods that learn from the interactions alone and in their own way; one per file.

Import data. Each gives a function from training interactions to the tables that rank; ``base`` says which.
"""
