"""A data set in numbers: tables, ids, filtering, splitting, relations, the data of tasks, and how all of it is stored.

Imports artifacts and seeding. Gives out the types that flow:
``RawTables``, ``Split``, ``Relation``, ``TaskData``, ``Examples``.
"""
