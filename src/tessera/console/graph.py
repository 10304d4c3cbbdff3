"""The picture of why somebody is one person, laid out on the server: the same facts give the same picture.

Profiles stand in a column, oldest on top, each with its identifiers to the right. Merges are brackets on the left, in
lanes so that none crosses another it need not. Below the line stand people who are somebody else: parted again by a
clerk, or kept apart by a rule. Sizes are in pixels of the drawing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from tessera.identity.queries import RefusalRecord
from tessera.profiles.person import IdentifierView, MergeView, PersonView

MOST_MEMBERS: Final = 24
"""Profiles that are drawn; the list below the picture has all of them."""
MOST_DETAILED: Final = 12
"""With more profiles than this each one's identifiers are drawn as one count."""
MOST_IDENTIFIERS: Final = 36
MOST_OUTSIDE: Final = 8
MOST_LANES: Final = 8

_MARGIN: Final = 12
_LANE: Final = 24
_PROFILE: Final = (124, 44)
_GAP: Final = 36
_IDENTIFIER: Final = (222, 40)
_ROW: Final = 48
_BETWEEN: Final = 12
_BEND: Final = 10

EdgeKind = Literal["merge", "undone", "refused"]
_RANK: Final = {"user_id": 0, "email": 1, "phone": 2}


class IdentifierNode(Struct, frozen=True):
    """An identifier beside the profile it was first seen on; `path` is the line between them."""

    x: float
    y: float
    width: float
    height: float
    path: str
    facts: IdentifierView


class MoreNode(Struct, frozen=True):
    """Identifiers that are not drawn one by one."""

    x: float
    y: float
    width: float
    height: float
    path: str
    count: int


class ProfileNode(Struct, frozen=True):
    """A profile. `number` is its place in the list of members; people outside have none."""

    x: float
    y: float
    width: float
    height: float
    profile_id: UUID
    number: int | None
    is_root: bool
    since: datetime | None
    identifiers: list[IdentifierNode]
    more: MoreNode | None


class Edge(Struct, frozen=True):
    """A bracket between two profiles with a knob that bears its number in the list."""

    kind: EdgeKind
    path: str
    knob_x: float
    knob_y: float
    number: int
    anchor: str
    one: UUID
    other: UUID


class Graph(Struct, frozen=True):
    """`hidden` profiles are not drawn. `line_y` parts the person from others, where there are any."""

    width: float
    height: float
    members: list[ProfileNode]
    outside: list[ProfileNode]
    edges: list[Edge]
    hidden: int
    line_y: float | None


class _Bond(Struct, frozen=True):
    kind: EdgeKind
    one: UUID
    other: UUID
    number: int
    anchor: str


def graph_of(person: PersonView, refusals: Sequence[RefusalRecord]) -> Graph:
    """Lay the person out. Merges and refusals are numbered as their lists are: from the latest, 1 on."""
    shown = _drawn_members(person)
    bonds = _bonds(person, refusals)
    known = {member.profile_id for member in person.members}
    others = [end for bond in bonds for end in (bond.one, bond.other) if end not in known]
    outside = list(dict.fromkeys(others))[:MOST_OUTSIDE]
    drawn = {*shown, *outside}
    bonds = [bond for bond in bonds if bond.one in drawn and bond.other in drawn]
    rows = _heights(person, shown) + [_ROW] * len(outside)
    centres = dict(zip([*shown, *outside], _centres(rows, parted_after=len(shown) if outside else None), strict=True))
    lanes = _lanes(bonds, centres)
    left = _MARGIN + _LANE * (max(lanes, default=-1) + 1) + (_BEND if lanes else 0)
    nodes = [_profile_node(person, profile, left, centres[profile]) for profile in shown]
    others_nodes = [_outside_node(profile, left, centres[profile]) for profile in outside]
    edges = [_edge(bond, lane, left, centres) for bond, lane in zip(bonds, lanes, strict=True)]
    line = sum(rows[: len(shown)]) + _BETWEEN * len(shown) + _MARGIN + _BETWEEN if outside else None
    height = sum(rows) + _BETWEEN * len(rows) + 2 * _MARGIN + (3 * _BETWEEN if outside else 0)
    width = left + _PROFILE[0] + _GAP + _IDENTIFIER[0] + _MARGIN
    return Graph(width, height, nodes, others_nodes, edges, len(person.members) - len(shown), line)


def _drawn_members(person: PersonView) -> list[UUID]:
    """The oldest, and always the one that stands for the person."""
    everyone = [member.profile_id for member in person.members]
    shown = everyone[:MOST_MEMBERS]
    if person.profile_id not in shown:
        shown[-1] = person.profile_id
    return shown


def _bonds(person: PersonView, refusals: Sequence[RefusalRecord]) -> list[_Bond]:
    """What ties profiles together or keeps them apart; of several refusals between two people the first one listed."""
    members = {member.profile_id for member in person.members}
    bonds = [
        _Bond("undone" if merge.undone_at else "merge", merge.kept_link, merge.absorbed_link, number, f"merge-{number}")
        for number, merge in enumerate(latest_first(person.merges), start=1)
        if merge.kept_link in members or merge.absorbed_link in members
    ]
    refused: dict[tuple[UUID, UUID], _Bond] = {}
    for number, refusal in enumerate(refusals, start=1):
        other = refusal.other_id
        if other is not None and other not in members and refusal.profile_id in members:
            pair = (refusal.profile_id, other)
            refused.setdefault(pair, _Bond("refused", *pair, number, f"refusal-{number}"))
    return bonds + list(refused.values())


def latest_first(merges: Sequence[MergeView]) -> list[MergeView]:
    return list(reversed(merges))


def _heights(person: PersonView, shown: Sequence[UUID]) -> list[int]:
    return [max(1, len(_held(person, profile)) + (1 if _rest(person, profile) else 0)) * _ROW for profile in shown]


def _per_profile(person: PersonView) -> int:
    """How many identifiers of each profile are drawn."""
    members = len(person.members)
    return 0 if members > MOST_DETAILED else max(2, MOST_IDENTIFIERS // max(members, 3))


def _of(person: PersonView, profile: UUID) -> list[IdentifierView]:
    mine = [one for one in person.identifiers if one.profile_id == profile]
    return sorted(mine, key=lambda one: (_RANK.get(one.kind, 3), one.kind, one.first_seen, one.value))


def _held(person: PersonView, profile: UUID) -> list[IdentifierView]:
    held, most = _of(person, profile), _per_profile(person)
    return held if len(held) <= most else held[: max(0, most - 1)]


def _rest(person: PersonView, profile: UUID) -> int:
    return len(_of(person, profile)) - len(_held(person, profile))


def _centres(rows: Sequence[int], *, parted_after: int | None) -> list[float]:
    centres: list[float] = []
    y: float = _MARGIN
    for index, height in enumerate(rows):
        if index == parted_after:
            y += 3 * _BETWEEN
        centres.append(y + height / 2)
        y += height + _BETWEEN
    return centres


def _lanes(bonds: Sequence[_Bond], centres: dict[UUID, float]) -> list[int]:
    """Each bond's lane, 0 next to the profiles: short brackets inside, long ones around them."""
    spans = [sorted((centres[bond.one], centres[bond.other])) for bond in bonds]
    taken: list[list[tuple[float, float]]] = [[] for _ in range(MOST_LANES)]
    lanes = [0] * len(bonds)
    for index in sorted(range(len(bonds)), key=lambda i: (spans[i][1] - spans[i][0], spans[i][0], i)):
        low, high = spans[index]
        free = (lane for lane, others in enumerate(taken) if all(high <= a or b <= low for a, b in others))
        lanes[index] = next(free, MOST_LANES - 1)
        taken[lanes[index]].append((low, high))
    return lanes


def _edge(bond: _Bond, lane: int, left: float, centres: dict[UUID, float]) -> Edge:
    top, bottom = sorted((centres[bond.one], centres[bond.other]))
    x = left - _BEND - _LANE * lane - _LANE / 2
    shift = min(8, 2 + lane * 2)  # brackets that end at one profile touch it one below the other
    a, b = top + shift, bottom - shift
    path = f"M{left} {a}H{x + _BEND}Q{x} {a} {x} {a + _BEND}V{b - _BEND}Q{x} {b} {x + _BEND} {b}H{left}"
    return Edge(bond.kind, path, x, (a + b) / 2, bond.number, bond.anchor, bond.one, bond.other)


def _profile_node(person: PersonView, profile: UUID, left: float, centre: float) -> ProfileNode:
    number = next(n for n, member in enumerate(person.members, start=1) if member.profile_id == profile)
    held, rest = _held(person, profile), _rest(person, profile)
    boxes = list(_boxes(left, centre, len(held) + (1 if rest else 0)))
    return ProfileNode(
        left,
        centre - _PROFILE[1] / 2,
        *_PROFILE,
        profile,
        number,
        profile == person.profile_id,
        person.members[number - 1].created_at,
        [IdentifierNode(*box, facts) for box, facts in zip(boxes, held, strict=False)],
        MoreNode(*boxes[-1], rest) if rest else None,
    )


def _boxes(left: float, centre: float, count: int) -> Iterable[tuple[float, float, float, float, str]]:
    """Places for so many identifiers beside a profile: x, y, width, height and the line that leads there."""
    begin, x = left + _PROFILE[0], left + _PROFILE[0] + _GAP
    for row in range(count):
        middle = centre + (row - (count - 1) / 2) * _ROW
        bend = _GAP / 2
        path = f"M{begin} {centre}C{begin + bend} {centre} {x - bend} {middle} {x} {middle}"
        yield x, middle - _IDENTIFIER[1] / 2, *_IDENTIFIER, path


def _outside_node(profile: UUID, left: float, centre: float) -> ProfileNode:
    return ProfileNode(left, centre - _PROFILE[1] / 2, *_PROFILE, profile, None, False, None, [], None)
