"""Finding people by what somebody types: beginnings of identifiers and of names, or whole identifiers only."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.foundation.ids import in_order
from tessera.identity import queries as identity
from tessera.profiles.queries import PeoplePage, cursor_of_people, people_summaries, root_by_identifier
from tessera.profiles.store import search_words

Connection = psycopg.Connection[Any]
MOST_FOUND: Final = 2_000
MOST_ASKED: Final = 10_000
"""People of a word who are asked whether they have the others: a tenth of a second where it comes to all of them."""
MOST_COUNTED: Final = 100_000
MOST_WORDS: Final = 5
LAST_LETTER: Final = "\U0010ffff"
_NEWEST_OF_A_WORD: Final = """
(SELECT profile_id FROM profiles_search WHERE workspace_id = %(workspace)s AND token = %(from_0)s
  ORDER BY profile_id DESC LIMIT %(most)s)
UNION ALL
(SELECT profile_id FROM profiles_search
  WHERE workspace_id = %(workspace)s AND token > %(from_0)s AND token < %(to_0)s
  ORDER BY token DESC, profile_id DESC LIMIT %(most)s)
LIMIT %(most)s
"""
"""Both parts are read backwards from the key's index, nothing is sorted."""
_HAS_TOO: Final = """
CROSS JOIN LATERAL (
    SELECT FROM profiles_search WHERE workspace_id = %(workspace)s AND token >= %(from_{number})s
       AND token < %(to_{number})s AND profile_id = found.profile_id LIMIT 1) AS has_{number}
"""
_COUNT_OF_A_WORD: Final = """
SELECT count(*) FROM (
    SELECT FROM profiles_search WHERE workspace_id = %s AND token >= %s AND token < %s LIMIT %s) AS found
"""


def search_people(
    connection: Connection, workspace_id: int, text: str, *, before: str | None = None, limit: int = 50
) -> PeoplePage:
    """People with an identifier that begins with the text, or with names that begin with its words.

    Newest first, among the first `MOST_FOUND` (whole words before beginnings). Raises `InvalidCursor`.
    """
    found = _profiles_by_text(connection, workspace_id, text.strip())
    roots = in_order(set(identity.roots_of(connection, list(found)).values()))[::-1]
    cursor = cursor_of_people(before)
    after = [root for root in roots if cursor is None or root < cursor]
    page = after[:limit]
    return PeoplePage(people_summaries(connection, page), str(page[-1]) if len(after) > limit else None)


def find_exactly(connection: Connection, workspace_id: int, text: str) -> PeoplePage:
    """The people one of whose identifiers is exactly this, e-mail and phone in any spelling.

    For those who see personal data masked: a search by beginnings would tell it letter by letter.
    """
    typed = text.strip()
    if not typed or "\0" in typed:
        return PeoplePage([], None)
    found = {profile for one in _spellings(connection, workspace_id, typed) for profile in one}
    roots = sorted(set(identity.roots_of(connection, list(found)).values()), reverse=True)
    return PeoplePage(people_summaries(connection, roots[:MOST_FOUND]), None)


def _spellings(connection: Connection, workspace_id: int, typed: str) -> Iterator[Sequence[UUID]]:
    yield identity.profiles_by_value(connection, workspace_id, typed)
    for kind in ("email", "phone", "profile_id"):
        root = root_by_identifier(connection, workspace_id, kind, typed)
        yield [root] if root else []


def _profiles_by_text(connection: Connection, workspace_id: int, text: str) -> set[UUID]:
    if not text or "\0" in text:
        return set()
    found: set[UUID] = set()
    for spelling in dict.fromkeys((text, text.lower())):
        found.update(identity.profiles_by_prefix(connection, workspace_id, spelling, limit=MOST_FOUND))
    digits = "".join(char for char in text if char.isdigit())
    if len(digits) >= 5 and not any(char.isalpha() for char in text):
        found.update(identity.profiles_by_prefix(connection, workspace_id, "+" + digits, limit=MOST_FOUND))
    words = list(dict.fromkeys(search_words(text)))[:MOST_WORDS]
    if words and "@" not in text:
        found.update(_profiles_by_words(connection, workspace_id, words))
    return found


def _profiles_by_words(connection: Connection, workspace_id: int, words: list[str]) -> set[UUID]:
    """Those that have them all. Of the word that fewest have, each is asked for the others."""
    if len(words) > 1:
        words = sorted(words, key=lambda word: _how_many(connection, workspace_id, word))
    bounds = {f"from_{number}": word for number, word in enumerate(words)}
    bounds |= {f"to_{number}": word + LAST_LETTER for number, word in enumerate(words)}
    others = "".join(_HAS_TOO.format(number=number) for number in range(1, len(words)))
    most = MOST_FOUND if len(words) == 1 else MOST_ASKED
    rows = connection.execute(
        f"SELECT found.profile_id FROM ({_NEWEST_OF_A_WORD}) AS found {others} LIMIT {MOST_FOUND}",  # noqa: S608
        {"workspace": workspace_id, "most": most, **bounds},
        binary=True,
    )
    return {row[0] for row in rows}


def _how_many(connection: Connection, workspace_id: int, word: str) -> int:
    row = connection.execute(_COUNT_OF_A_WORD, (workspace_id, word, word + LAST_LETTER, MOST_COUNTED)).fetchone()
    return int(row[0]) if row else 0
