"""Tables as files of Parquet that are only ever added to, for engines that read files but change none.

A batch of rows is a file; a batch of removed ids is a file; ranges that were removed are kept in the manifest. Rows and
removals carry the number of their batch: a row is there unless a later batch removed it. Which files count is said by
`manifest.json` alone, which is put in place of itself in one step. So several changes are one, and a process that is
killed leaves files that nobody counts; they go when the folder is opened next.
"""

import contextlib
import copy
import fcntl
import math
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct, field

from tessera.foundation.errors import SetupError

BATCH: Final = "_batch"
ID: Final = "id"
_FORM: Final = 1
"""The form of the manifest."""


class Batch(Struct):
    """A file: of rows, or of ids that were removed from the column `key`."""

    path: str
    """From the folder on."""
    rows: int
    key: str = ""


class Range(Struct):
    """Rows removed up to a batch: where these columns have these values, and `column` is from `first` to `last`, or is
    one of `places` where there are any."""

    where: dict[str, int]
    column: str
    first: int
    last: int
    batch: int
    places: list[int] = field(default_factory=list)


class Files(Struct):
    """What a table is."""

    columns: dict[str, str]
    """The type of each, as Ibis names it."""
    rows: list[Batch] = field(default_factory=list)
    gone: list[Batch] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)


class Manifest(Struct):
    form: int = _FORM
    batch: int = 0
    tables: dict[str, Files] = field(default_factory=dict)


class ParquetLog:
    """The tables of one folder, for one process. Raises `SetupError` where another has it, or its form is newer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise SetupError(f"the warehouse {folder} is open in another process; only one may have it") from None
        self._manifest = self._read()
        self._before: Manifest | None = None
        self._outdated: list[Path] = []
        """Files that count no more. They go when the next ones are outdated: until then somebody may read them."""
        self._sweep()

    def close(self) -> None:
        self._lock.close()

    @property
    def tables(self) -> Mapping[str, Files]:
        return self._manifest.tables

    def oldest_removal(self, table: str) -> float:
        """When the first removal was asked for that is not carried out in the files yet; seconds since 1970."""
        files = self.tables[table].gone
        return min((os.stat(path).st_mtime for path in self.paths(files)), default=math.inf)

    @property
    def committed(self) -> tuple[int, Mapping[str, Files]]:
        """The tables without what is being changed, and a number that is another whenever they are."""
        manifest = self._before or self._manifest
        return manifest.batch, manifest.tables

    def paths(self, batches: Sequence[Batch]) -> list[str]:
        return [str(self.folder / batch.path) for batch in batches]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside, or none of them. What is inside sees them already."""
        if self._before is not None:
            yield
            return
        self._before, outdated = self._manifest, len(self._outdated)
        self._manifest = copy.deepcopy(self._before)  # what others read does not change under them
        try:
            self._manifest.batch += 1
            yield
            self._write()
        except BaseException:
            self._manifest = self._before
            del self._outdated[outdated:]  # they count again
            raise
        finally:
            self._before = None
        if len(self._outdated) > outdated:
            for path in self._outdated[:outdated]:
                path.unlink(missing_ok=True)
            del self._outdated[:outdated]

    def ensure(self, table: str, columns: Mapping[str, str]) -> bool:
        """Returns whether anything is new."""
        files = self.tables.get(table)
        if files is not None and columns.keys() <= files.columns.keys():
            return False
        with self.transaction():
            files = self._manifest.tables.setdefault(table, Files({}))
            files.columns |= {name: kind for name, kind in columns.items() if name not in files.columns}
        return True

    def append(self, table: str, rows: pa.Table) -> None:
        with self.transaction():
            self.tables[table].rows.append(self._file(table, "rows", rows))

    def remove(self, table: str, key: str, ids: Collection[UUID]) -> None:
        with self.transaction():
            listed = pa.table({ID: pa.array([str(each) for each in ids], pa.string())})
            batch = self._file(table, "gone", listed)
            self.tables[table].gone.append(Batch(batch.path, batch.rows, key))

    def remove_between(self, table: str, where: dict[str, int], column: str, first: int, last: int) -> None:
        with self.transaction():
            self._manifest.batch += 1
            self.tables[table].ranges.append(Range(where, column, first, last, self._manifest.batch))

    def remove_at(self, table: str, lane: int, positions: Collection[int]) -> None:
        with self.transaction():
            self._manifest.batch += 1
            wanted = sorted(positions)
            removed = Range({"lane": lane}, "position", wanted[0], wanted[-1], self._manifest.batch, wanted)
            self.tables[table].ranges.append(removed)

    def replace(self, table: str, old: Sequence[Batch], new: Path, *, forget_removals: bool) -> None:
        """Count the files of the folder `new` instead of `old`, which has the same rows without what was removed."""
        names = [batch.path for batch in old]
        with self.transaction():
            files = self.tables[table]
            files.rows = [batch for batch in files.rows if batch.path not in names]
            for path in sorted(new.glob("*.parquet")):
                if count := pq.read_metadata(path).num_rows:
                    files.rows.append(Batch(str(path.relative_to(self.folder)), count))
            if forget_removals:
                names += [batch.path for batch in files.gone]
                files.gone, files.ranges = [], []
            self._outdated += map(self.folder.joinpath, names)

    def join_removals(self, table: str) -> None:
        """Make one file of all that name removed ids, for each key."""
        with self.transaction():
            files = self._manifest.tables[table]
            names = [batch.path for batch in files.gone]
            joined, since = [], self.oldest_removal(table)
            for key in sorted({batch.key for batch in files.gone}):
                parts = [pq.read_table(path) for path in self.paths([b for b in files.gone if b.key == key])]
                batch = self._file(table, "gone", pa.concat_tables(parts))
                os.utime(self.folder / batch.path, (since, since))
                joined.append(Batch(batch.path, batch.rows, key))
            files.gone = joined
            self._outdated += map(self.folder.joinpath, names)

    def clear(self, table: str) -> None:
        with self.transaction():
            files = self._manifest.tables[table]
            names = [batch.path for batch in files.rows + files.gone]
            self._manifest.tables[table] = Files(files.columns)
            self._outdated += map(self.folder.joinpath, names)

    def drop(self, table: str) -> None:
        if table in self.tables:
            self.clear(table)
            with self.transaction():
                del self._manifest.tables[table]

    def _file(self, table: str, kind: str, rows: pa.Table) -> Batch:
        """Write a batch; it has its number unless its rows have one each already."""
        self._manifest.batch += 1
        if BATCH not in rows.column_names:
            numbers = pa.repeat(pa.scalar(self._manifest.batch, pa.int64()), rows.num_rows)
            rows = rows.append_column(BATCH, numbers)
        path = self.folder / table / kind / f"{self._manifest.batch:012d}-{uuid4().hex[:8]}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            pq.write_table(rows, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        return Batch(str(path.relative_to(self.folder)), rows.num_rows)

    def _read(self) -> Manifest:
        path = self.folder / "manifest.json"
        if not path.exists():
            return Manifest()
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except msgspec.DecodeError as error:
            found, said = Manifest(form=0), str(error)
        else:
            said = "its form is newer"
        if found.form != _FORM:
            self._lock.close()
            raise SetupError(f"the warehouse {self.folder} cannot be read ({said}); delete it, it is rebuilt")
        return found

    def _write(self) -> None:
        path = self.folder / "manifest.json"
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(self._manifest))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(self.folder)

    def _sweep(self) -> None:
        """Remove what the manifest does not name."""
        files = [batch.path for table in self.tables.values() for batch in table.rows + table.gone]
        counted = {self.folder / name for name in files}
        for path in self.folder.rglob("*.parquet"):
            if path not in counted:
                path.unlink()
        for path in self.folder.glob("*/*/_temporary"):
            shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    """A name that was put in place outlives a loss of power once its folder is written."""
    number: Any = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
