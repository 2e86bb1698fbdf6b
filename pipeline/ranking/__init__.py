"""Lists of items for users: the masked top-k that training, evaluation and serving share, and the recommender that is served.

Imports data and kernels.
"""
