"""A batch of rows becomes a plan of everything it changes, in memory: whose rows they are, states, history, counts.

What is read here is read without locks and while the batch before is still being written; whoever writes the plan
insists on the versions it was made from (`Outdated` asks for another).
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import UNSET, Raw, Struct, UnsetType

from tessera.events import history
from tessera.events.catalogue import Gate, Tally
from tessera.events.event import Event
from tessera.events.messages import MAX_EVENT_BYTES
from tessera.foundation.clock import now_micros
from tessera.identity import bulk as identity_bulk
from tessera.identity import store as identity_store
from tessera.identity.bulk import PackedPlan
from tessera.identity.directory import Address
from tessera.identity.keyed import KeyedDirectory, Placed
from tessera.identity.rules import PROFILE
from tessera.identity.store import AskedOwners
from tessera.imports.plan import Policy
from tessera.imports.records import Counts
from tessera.imports.rows import Row, RowReader
from tessera.profiles import store as profile_store
from tessera.profiles.bulk import NewStates
from tessera.profiles.fold import fold_event
from tessera.profiles.registers import value_of
from tessera.profiles.state import State, decode_state, encode_state, merge_states
from tessera.profiles.store import Stored, WordChanges, words_of

Connection = psycopg.Connection[Any]
_encode: Final = msgspec.json.Encoder().encode


class _Body(Struct, omit_defaults=True):
    """A row's event, as history keeps it."""

    type: str
    userId: str | UnsetType
    traits: dict[str, Any]
    context: Raw


class Placement(Struct):
    """Everything that one batch of rows changes, ready to be written.

    `addresses` and `homes` are what it touches: the next batch is not planned before this one is written where it
    touches the same.
    """

    directory: KeyedDirectory
    identity: PackedPlan
    new_states: tuple[bytes, bytes]
    states: list[tuple[UUID, Stored]]
    words: WordChanges
    history: list[bytes]
    events: list[tuple[Event, UUID]]
    tally: str
    counts: Counts
    addresses: set[Address]
    homes: set[UUID]


class Shadow:
    """What a dry run would have brought, so that its later batches find it: in a table of its session alone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE TEMP TABLE imports_shadow (kind text NOT NULL, value text NOT NULL, PRIMARY KEY (value, kind))"
        )

    def has(self, addresses: Collection[Address]) -> set[tuple[str, str]]:
        wanted = [(kind, value) for _, kind, value in addresses]
        rows = self._connection.execute(
            "SELECT kind, value FROM unnest(%s::text[], %s::text[]) AS w (kind, value)"
            " JOIN imports_shadow USING (value, kind)",
            ([kind for kind, _ in wanted], [value for _, value in wanted]),
        )
        return set(rows.fetchall())

    def add(self, addresses: Collection[Address]) -> None:
        self._connection.execute(
            "INSERT INTO imports_shadow SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING",
            ([address[1] for address in addresses], [address[2] for address in addresses]),
        )


class Rules(Struct, frozen=True):
    """How rows are taken: by which policy, in whose name."""

    import_id: UUID
    policy: Policy
    skip_triggers: bool
    fills: frozenset[str]


def place(
    connection: Connection, rows: Sequence[Row], addresses: set[Address], asked: AskedOwners, reader: RowReader,
    gate: Gate, rules: Rules, *, shadow: Shadow | None = None,
) -> Placement:  # fmt: skip
    """Plan these rows, in their order; `addresses` are all their identifiers, about which the database was `asked`.

    Raises `Outdated` where people changed while they were being read.
    """
    by_id = bool(rows) and rows[0].keys[0][0] == PROFILE  # then all of them are: it is matched alone
    named = {UUID(row.keys[0][1]) for row in rows} if by_id else set()
    directory = identity_store.read_keyed(connection, [row.event for row in rows], asked, named)
    persons = _Persons(connection, directory, rows)
    return _Placing(directory, persons, reader, gate, rules, shadow).run(rows, addresses)


class _Persons:
    """The states of everyone whom a row's key may mean, decoded when first asked for."""

    def __init__(self, connection: Connection, directory: KeyedDirectory, rows: Sequence[Row]) -> None:
        self._directory = directory
        found = {directory.find(row.event.workspace_id, row.keys) for row in rows} if directory.knows_anyone else set()
        roots = {directory.root_of(profile) for profile in found if profile is not None}
        members = identity_store.read_members(connection, roots) if roots else {}
        self._stored = profile_store.read_stored(connection, members.keys()) if members else {}
        self._members: dict[UUID, list[UUID]] = {}
        for member, root in members.items():
            self._members.setdefault(root, []).append(member)
        self._states: dict[UUID, State] = {}
        self._words_before: dict[UUID, frozenset[str]] = {}
        self.changed: dict[UUID, State] = {}
        self.born: dict[UUID, State] = {}

    def known(self, profile: UUID) -> State:
        """The state of someone who is there, to be folded into."""
        born = self.born.get(profile)
        if born is not None:
            return born
        state = self.changed.get(profile)
        if state is None:
            stored = self._stored.get(profile)
            state = self.changed[profile] = decode_state(stored.state) if stored else State()
            self._words_before[profile] = words_of(state)
        return state

    def attributes_of(self, profile: UUID) -> dict[str, Any]:
        """Everything set on the person that this profile is of."""
        own = self.known(profile)
        others = self._members.get(self._directory.root_of(profile), ())
        if len(others) < 2:
            return {name: value_of(register) for name, register in own.attributes.items()}
        states = [self._current(member) for member in others]
        return {name: value_of(register) for name, register in merge_states(states).attributes.items()}

    def _current(self, member: UUID) -> State:
        """A copy, as merging shares what it merges."""
        state = self.changed.get(member)
        if state is not None:
            return decode_state(encode_state(state))
        stored = self._stored.get(member)
        return decode_state(stored.state) if stored else State()

    def written(self, workspace_id: int, words: WordChanges) -> list[tuple[UUID, Stored]]:
        rows = []
        for profile, state in self.changed.items():
            stored = self._stored.get(profile)
            words.note(workspace_id, profile, self._words_before[profile], words_of(state))
            version = stored.version if stored else 0
            rows.append((profile, Stored(workspace_id, version + 1, encode_state(state))))
        return rows


class _Placing:
    def __init__(
        self, directory: KeyedDirectory, persons: _Persons, reader: RowReader, gate: Gate, rules: Rules,
        shadow: Shadow | None,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._persons = persons
        self._reader = reader
        self._gate = gate
        self._rules = rules
        self._shadow = shadow
        self._may_create = rules.policy != "update_only"
        self._may_update = rules.policy != "create_only"
        self._context: dict[str, Any] = {"channel": "server", "import": {"id": str(rules.import_id)}}
        if rules.skip_triggers:
            self._context["skipTriggers"] = True
        self._around_row = _encode(self._context | {"import": {"id": str(rules.import_id), "row": 0}}).split(b":0}")
        self._tally = Tally(gate)
        self._counts = Counts()
        self._events: list[tuple[Event, UUID]] = []
        self._history: list[bytes] = []

    def run(self, rows: Sequence[Row], addresses: set[Address]) -> Placement:
        shadowed = self._shadowed(rows)
        for row in rows:
            if shadowed and any(key in shadowed for key in row.keys):
                self._count_shadowed()
            else:
                self._take(row)
        return self._finished(rows, addresses)

    def _shadowed(self, rows: Sequence[Row]) -> set[tuple[str, str]]:
        if self._shadow is None:
            return set()
        return self._shadow.has({(row.event.workspace_id, *key) for row in rows for key in row.keys})

    def _count_shadowed(self) -> None:
        """An earlier row of the dry run would have brought this person."""
        if self._may_update:
            self._counts.updated += 1
        else:
            self._counts.skipped += 1

    def _take(self, row: Row) -> None:
        if not self._recordable(row) or not self._admitted(row):
            self._counts.errors += 1
            return
        home = self._directory.find(row.event.workspace_id, row.keys)
        if home is None and row.keys[0][0] == PROFILE:
            self._reader.wrong(row, "no_such_profile", f"there is no profile {row.keys[0][1]}")
            self._counts.errors += 1
        elif (home is None and not self._may_create) or (home is not None and not self._may_update):
            self._counts.skipped += 1
        elif home is None:
            self._bring(row)
        else:
            self._update(row, home)

    def _admitted(self, row: Row) -> bool:
        """Take from the row what the catalogue does not take, as from any event; false where its key goes with it."""
        event = row.event
        known = set(event.misfits)
        self._gate.judge(event)
        if event.judged is None:
            return True
        row.traits = event.message.traits or {}
        for name in event.misfits:
            if name not in known:
                self._reader.not_admitted(row, name)
        if any(key in event.identifiers for key in row.keys):
            return True
        self._reader.wrong(row, "blocked_identifier", "the catalogue does not take what the row is matched by")
        return False

    def _bring(self, row: Row) -> None:
        event = row.event
        placed = self._directory.bring(event)
        if placed.left_out:
            self._leave_out(row, placed)
            self._recordable(row)
        state = self._persons.born[placed.profile_id] = State()
        fold_event(state, event)
        self._record(row, placed.profile_id)
        self._counts.created += 1

    def _update(self, row: Row, home: UUID) -> None:
        event = row.event
        before = self._persons.attributes_of(home)
        filled = False
        for name in self._rules.fills:
            if before.get(name) is not None and name in event.traits:
                del event.traits[name]
                row.traits.pop(name, None)
                filled = True
        if filled:
            self._recordable(row)
        placed = self._directory.extend(event, home)
        if placed.left_out:
            self._leave_out(row, placed)
            self._recordable(row)
        if placed.gained or any(before.get(name) != value for name, value in event.traits.items()):
            self._counts.updated += 1
        else:
            self._counts.unchanged += 1
        fold_event(self._persons.known(home), event)
        self._record(row, home)

    def _leave_out(self, row: Row, placed: Placed) -> None:
        for why, identifier in placed.left_out:
            self._reader.leave_out(row, why, identifier)

    def _recordable(self, row: Row) -> bool:
        """Give the row's event its body, as history will keep it; false where that is too large."""
        user_id: str | UnsetType = UNSET
        external = []
        for kind, value in row.event.identifiers:
            if kind == "user_id":
                user_id = value
            elif kind.startswith("external:"):
                external.append({"id": value, "type": kind.removeprefix("external:"), "collection": "users"})
        before, after = self._around_row
        context = Raw(b"%b:%d}%b" % (before, row.number, after))
        if external:
            context = Raw(b'%b,"externalIds":%b}' % (bytes(context)[:-1], _encode(external)))
        encoded = _encode(_Body("identify", user_id, row.traits, context))
        if len(encoded) > MAX_EVENT_BYTES:
            self._reader.wrong(row, "row_too_large", f"a row may have {MAX_EVENT_BYTES} bytes")
            return False
        row.event.body_json, row.event.context = encoded, self._context
        return True

    def _record(self, row: Row, profile: UUID) -> None:
        event = row.event
        self._history.append(history.packed((event, profile)))
        self._tally.see(event, profile)
        self._events.append((event, profile))

    def _finished(self, rows: Sequence[Row], addresses: set[Address]) -> Placement:
        now = now_micros()
        workspace_id = rows[0].event.workspace_id if rows else 0
        states, words = NewStates(now), WordChanges()
        for profile, state in self._persons.born.items():
            states.add(profile, workspace_id, encode_state(state), words_of(state))
        if self._shadow is not None:
            self._shadow.add(self._directory.new_identifiers)
        return Placement(
            directory=self._directory,
            identity=identity_bulk.pack(self._directory),
            new_states=states.packed(),
            states=self._persons.written(workspace_id, words),
            words=words,
            history=self._history,
            events=self._events,
            tally=self._tally.encoded(now),
            counts=self._counts,
            addresses=addresses,
            homes=set(self._persons.changed),
        )
