"""pmtrec's library: tables and tensors in, tables and tensors out.

Nothing in here knows the command line or DVC; the modules of ``stages`` do. Each folder is a room with a docstring that says
what lives there; imports point down the floors that ``tests/sources.py`` lists.
"""
