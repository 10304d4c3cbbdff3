"""Taking back."""

from uuid import UUID


def undo_import(import_id: UUID) -> None:
    raise NotImplementedError
