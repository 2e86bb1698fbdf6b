"""The command `pmtrec`: what a person types. One file per command; the DAG's own commands are the stages.

Imports everything, and each command late: the help must not wait for torch.
"""
