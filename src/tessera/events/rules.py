"""What staff decided about names, as intake carries it out: blocked names are taken out, declared ones must fit.

Read into memory every few seconds (`load`), looked up in dicts; a workspace without rules costs nothing per event.
"""

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from msgspec import Struct, field

from tessera.events.bodies import without
from tessera.events.event import Event
from tessera.events.fitting import Declaration, DoesNotFit, encode, fit
from tessera.events.vocabulary import NAMES, spellings_of
from tessera.foundation.errors import TesseraError

Connection = psycopg.Connection[Any]

BLOCKABLE: Final = frozenset({"track", "page", "screen"})
"""Calls that only say what somebody did. The others say who somebody is, and are needed to know people."""
UNBLOCKABLE: Final = frozenset(NAMES.values()) - {NAMES["page"], NAMES["screen"]}


class CannotBlock(TesseraError):
    """The event says who people are: without it nobody would be recognised."""

    code = "cannot_block"


class Rules(Struct):
    """The rules of one workspace. Blocked attributes by every name a client may give them."""

    blocked_events: set[str] = field(default_factory=set)
    blocked_attributes: dict[str, str] = field(default_factory=dict)
    blocked_properties: dict[str, set[str]] = field(default_factory=dict)
    attributes: dict[str, Declaration] = field(default_factory=dict)
    properties: dict[str, dict[str, Declaration]] = field(default_factory=dict)

    def blocks(self, event: Event) -> bool:
        """Whether the event is to be dropped."""
        return event.name in self.blocked_events and event.kind in BLOCKABLE

    def take_out_blocked(self, event: Event) -> None:
        """Remove blocked fields from the event and from the body that history keeps."""
        if self.blocked_attributes:
            self._take_out_attributes(event)
        blocked = self.blocked_properties.get(event.name)
        properties = event.message.properties
        if blocked and properties and (found := blocked & properties.keys()):
            event.message.properties = {name: value for name, value in properties.items() if name not in found}
            event.body_json = without(event.body_json, [(("properties",), found)])
            event.judgement().removed.extend(("property", event.name, name) for name in sorted(found))

    def _take_out_attributes(self, event: Event) -> None:
        message, told = event.message, event.context.get("traits")
        own = message.traits if message.type == "identify" else None
        given = {
            name for name in (*(own or ()), *(told if type(told) is dict else ())) if name in self.blocked_attributes
        }
        if not given:
            return
        if own:
            message.traits = _rest(own, given)
        if type(told) is dict:
            event.context = {**event.context, "traits": _rest(told, given)}
        taken = [(("context", "traits"), given), *([(("traits",), given)] if own else [])]
        event.body_json = without(event.body_json, taken)
        event.envelope_json = without(event.envelope_json, [(("context", "traits"), given)])
        names = sorted({self.blocked_attributes[one] for one in given})
        for name in names:
            value = event.traits.pop(name, None)
            if type(value) is str and (name, value) in event.identifiers:
                event.identifiers.remove((name, value))
        event.misfits[:] = [name for name in event.misfits if name not in names]
        event.judgement().removed.extend(("attribute", "", name) for name in names)

    def fit_declared(self, event: Event) -> None:
        """Read values as their declared types; those that do not fit stay in history only."""
        for name in event.traits.keys() & self.attributes.keys():
            try:
                event.traits[name] = fit(self.attributes[name], event.traits[name])
            except DoesNotFit as misfit:
                del event.traits[name]
                event.misfits.append(name)
                event.judgement().problems.append((("attribute", "", name), misfit.code))
        declared = self.properties.get(event.name)
        properties = event.message.properties
        if declared and properties:
            for name in properties.keys() & declared.keys():
                try:
                    fit(declared[name], properties[name])
                except DoesNotFit as misfit:
                    event.judgement().problems.append((("property", event.name, name), misfit.code))


def _rest(fields: dict[str, Any], without: set[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in without}


_RULED: Final = """
SELECT workspace_id, kind, parent, name, status, declared_type, allowed FROM events_catalogue
 WHERE (status = 'blocked' OR declared_type <> '') AND workspace_id = coalesce(%s, workspace_id)
"""


def load(connection: Connection, *, workspace_id: int | None = None) -> dict[int, Rules]:
    """The rules of one workspace or of all; workspaces without any are left out."""
    return _of_rows(connection.execute(_RULED, (workspace_id,)).fetchall())


def _of_rows(rows: Iterable[tuple[Any, ...]]) -> dict[int, Rules]:
    found: dict[int, Rules] = {}
    for workspace, kind, parent, name, status, declared_type, allowed in rows:
        rules = found.setdefault(workspace, Rules())
        if status == "blocked":
            _block(rules, kind, parent, name)
        elif kind != "event":
            values = frozenset(encode(value) for value in allowed) if allowed else None
            declaration = Declaration(declared_type, values)
            if kind == "attribute":
                rules.attributes[name] = declaration
            else:
                rules.properties.setdefault(parent, {})[name] = declaration
    return found


def _block(rules: Rules, kind: str, parent: str, name: str) -> None:
    if kind == "event":
        rules.blocked_events.add(name)
    elif kind == "attribute":
        rules.blocked_attributes.update((given, name) for given in spellings_of(name))
    else:
        rules.blocked_properties.setdefault(parent, set()).add(name)
