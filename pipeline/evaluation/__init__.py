"""The evaluation of a ranking: hits and metrics over the whole catalogue, groups of users and items, significance.

Imports metrics, ranking and data.
"""
