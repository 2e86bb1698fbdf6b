"""Everything that goes to MLflow: the run of a training, its completion, nested runs, provenance, models and their registry.

The only room that imports MLflow; beside it ranking, for the model that is packaged. A tracking server that fails is never a
reason for a training to fail.
"""
