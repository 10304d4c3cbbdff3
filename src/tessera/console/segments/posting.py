"""The form as it was sent: fields to drafts, and what the buttons do to them.

A field is called after its row: `r.0.1:op` belongs to the second part of the first part of the root `r`, and
`r.0.1.w2:op` to the third test of that row. `r:parts` and `r:where` say how many there are.
"""

from collections.abc import Mapping
from typing import Final

from tessera.audience.conditions.registry import DEEPEST, MOST_PARTS
from tessera.console.segments.choices import Names, fitted, fitted_ask
from tessera.console.segments.drafts import GROUPS, KINDS, AskDraft, NodeDraft, TestDraft

ROOT: Final = "r"
MOST_ASKS: Final = 20
LONGEST: Final = 20_000


class _Form:
    def __init__(self, fields: Mapping[str, str], names: Names) -> None:
        self._fields = fields
        self._names = names
        self._rows = 0

    def said(self, path: str, name: str, default: str = "") -> str:
        return self._fields.get(f"{path}:{name}", default).replace("\0", "").replace("\r\n", "\n")[:LONGEST]

    def node(self, path: str, depth: int = 1) -> NodeDraft:
        self._rows += 1
        kind = self.said(path, "kind")
        if kind in GROUPS:
            most = MOST_PARTS - self._rows if depth < DEEPEST else 0
            parts = [self.node(f"{path}.{n}", depth + 1) for n in range(min(self._number(path, "parts"), max(most, 0)))]
            return NodeDraft(kind, negated=bool(self.said(path, "not")), parts=parts)
        row = self._row(path, kind if kind in KINDS else "text")
        return fitted(row, self._names) if row.name != self.said(path, "was", row.name) else row

    def _row(self, path: str, kind: str) -> NodeDraft:
        relation = self.said(path, "relation", "at_least")
        return NodeDraft(
            kind,
            negated=bool(self.said(path, "not")),
            name=self.said(path, "name").strip(),
            of=self.said(path, "of").strip(),
            test=self.test(path),
            where=[self._ask(path, f"{path}.w{n}") for n in range(min(self._number(path, "where"), MOST_ASKS))],
            relation=relation if relation in ("at_least", "at_most", "exactly") else "at_least",
            number=self.said(path, "number", "1"),
            when=self.test(f"{path}.when", default=""),
            text=self.said(path, "text"),
        )

    def _ask(self, row: str, path: str) -> AskDraft:
        ask = AskDraft(self.said(path, "name").strip(), bool(self.said(path, "not")), self.test(path))
        if ask.name == self.said(path, "was", ask.name):
            return ask
        return fitted_ask(ask, self.said(row, "kind"), self.said(row, "name").strip(), self._names)

    def test(self, path: str, *, default: str = "equals") -> TestDraft:
        return TestDraft(
            self.said(path, "op", default),
            self.said(path, "type", "text"),
            self.said(path, "value"),
            self.said(path, "other"),
        )

    def _number(self, path: str, name: str) -> int:
        text = self.said(path, name, "0")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def draft_sent(fields: Mapping[str, str], names: Names) -> NodeDraft:
    """The form as it was sent; a root that is no group becomes one."""
    found = _Form(fields, names).node(ROOT)
    return found if found.is_group else NodeDraft("and", parts=[found] if fields.get(f"{ROOT}:kind") else [])


def pressed(draft: NodeDraft, do: str, names: Names) -> str:
    """Do what a button says (`add:r.0:event`, `remove:r.0.1`, `where:r.0`, `unwhere:r.0:2`); gives the row to focus."""
    act, _colon, rest = do.partition(":")
    path, _colon, detail = rest.partition(":")
    way = _way(path)
    if way is None:
        return ""
    if act == "remove" and way:
        parent, last = _at(draft, way[:-1]), way[-1]
        if parent is not None and last < len(parent.parts):
            del parent.parts[last]
        return ROOT + "".join(f".{n}" for n in way[:-1])
    node = _at(draft, way)
    if node is None:
        return ""
    if act == "add" and node.is_group and detail in KINDS and len(node.parts) < MOST_PARTS:
        node.parts.append(_new(detail, names, inside=node.kind))
        return f"{path}.{len(node.parts) - 1}"
    if act == "where" and len(node.where) < MOST_ASKS:
        node.where.append(fitted_ask(AskDraft(), node.kind, node.name, names))
        return f"{path}.w{len(node.where) - 1}"
    if act == "unwhere" and detail.isascii() and detail.isdigit() and int(detail[:3]) < len(node.where):
        del node.where[int(detail[:3])]
    return path


def _new(kind: str, names: Names, *, inside: str) -> NodeDraft:
    """A group within a group is the other kind: that is why one adds it."""
    if kind in GROUPS:
        return NodeDraft("or" if inside == "and" else "and")
    return fitted(NodeDraft(kind), names)


def _way(path: str) -> list[int] | None:
    first, *rest = path.split(".")
    if first != ROOT or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in rest):
        return None
    return [int(part) for part in rest]


def _at(draft: NodeDraft, way: list[int]) -> NodeDraft | None:
    for step in way:
        if step >= len(draft.parts):
            return None
        draft = draft.parts[step]
    return draft
