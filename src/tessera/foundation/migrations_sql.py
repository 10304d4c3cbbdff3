"""Migrations written in SQL live in a `.sql` file beside the migration that runs them."""

from pathlib import Path

from django.db.migrations import RunSQL


def run_sql_file(migration_file: str, name: str) -> RunSQL:
    """`RunSQL` over the file `name` in the folder of `migration_file` (pass `__file__`)."""
    return RunSQL((Path(migration_file).parent / name).read_text(), RunSQL.noop)
