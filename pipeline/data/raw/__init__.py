"""From somebody's files to typed tables in raw ids: download, remote files, strict reading, table schema, descriptions.

Imports data; what is numbered and split lives there.
"""
