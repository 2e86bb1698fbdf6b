"""pmtrec's library: tables and tensors in, tables and tensors out.

Nothing in here knows the command line, DVC or where files lie; the modules of ``stages`` do.
"""
