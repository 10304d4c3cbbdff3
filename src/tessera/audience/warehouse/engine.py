"""What the analyst needs of an engine. One file per engine in `engines/`; the traps of each are handled there."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Any, Protocol
from uuid import UUID

import ibis
import ibis.expr.types as ir
import pyarrow as pa


class Engine(Protocol):
    """One writer at a time; readers may be many where the engine has them.

    Where it is not `atomic` a step that was broken off leaves parts of itself, which the analyst takes back.
    """

    @property
    def atomic(self) -> bool:
        """Whether `transaction` is one."""

    @property
    def most_columns(self) -> int:
        """How many columns of leaves a table has at most."""

    def tables(self) -> list[str]:
        """Names of the tables there are; those of others that share the database may be among them."""

    def ensure(self, table: str, schema: ibis.Schema) -> None:
        """Make the table, or give it the columns it lacks. Columns are never taken away."""

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows, column by column by name; what is missing is null."""

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        """Remove the rows of these ids."""

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        """Remove the rows whose `column` is from `first` to `last` where the others are as said."""

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        """Remove the rows of these places in history."""

    def clear(self, table: str) -> None:
        """Remove all rows."""

    def drop(self, table: str) -> None:
        """Remove the table itself, where there is one."""

    def fetch(self, expression: ir.Table) -> list[tuple[Any, ...]]:
        """The rows of an Ibis expression, in the order of its columns. Ids are `UUID`."""

    def transaction(self) -> AbstractContextManager[None]:
        """All of it or nothing, where the engine can; others say in their file what holds instead."""

    def another(self) -> "Engine":
        """The same warehouse for another thread, which only reads."""

    def rest(self) -> None:
        """There is nothing to do for a while: keep no memory that can be had again. Then `memory.give_back`."""

    def close(self) -> None: ...
