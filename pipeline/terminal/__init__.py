"""What a person sees of a process: error lines and exit codes, bars, tables; plain text where nobody looks (logs, NO_COLOR).

Imports nothing of the work itself but the record of an epoch. Stages and commands use it.
"""
