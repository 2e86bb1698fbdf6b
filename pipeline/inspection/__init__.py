"""A data set looked at before anything is trained: its profile, and whether a side task can reach what is held out.

Imports data and the building of tasks.
"""
