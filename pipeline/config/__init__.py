"""params.yaml as one typed configuration, and what each stage is to work by.

Gives out ``RunConfig`` (read once, frozen, knows its file and key paths) and the keyword arguments of the library. Only stages
import it: the library takes plain arguments.
"""
