"""Raw files to typed tables: download, contracts, id maps, filtering, splitting, relations, storage."""
