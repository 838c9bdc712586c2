"""Revisions of the database, oldest first in `versions`; run by `store/migrate.py`."""
