"""Finding people by what somebody types, where names are common and many begin alike."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from factories.people import ingest, message
from tessera.foundation.database import connect
from tessera.profiles import search
from tessera.profiles.search import search_people

Connection = psycopg.Connection[Any]


@pytest.fixture
def live(database: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


def named(live: Connection, workspace_id: int, *names: tuple[str, str]) -> None:
    people = [
        message("identify", userId=f"{first}.{last}.{number}", traits={"firstName": first, "lastName": last})
        for number, (first, last) in enumerate(names)
    ]
    ingest(live, workspace_id, people)


def found(live: Connection, workspace_id: int, text: str, **options: Any) -> list[str]:
    return [str(one.name) for one in search_people(live, workspace_id, text, **options).profiles]


def test_all_words_must_be_there_in_any_order(live: Connection, workspace_id: int) -> None:
    named(live, workspace_id, ("Ana", "García"), ("Ana", "López"), ("Luis", "García"), ("Anabel", "Garrido"))

    assert sorted(found(live, workspace_id, "gar an")) == ["Ana García", "Anabel Garrido"]
    assert found(live, workspace_id, "luis garcia") == ["Luis García"]
    assert found(live, workspace_id, "luis lopez") == []
    assert sorted(found(live, workspace_id, "ana ana")) == ["Ana García", "Ana López", "Anabel Garrido"]


def test_a_common_name_hides_nobody(live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The word that fewest have is asked first, so that limits cut where they do not matter."""
    monkeypatch.setattr(search, "MOST_ASKED", 5)
    monkeypatch.setattr(search, "MOST_FOUND", 5)
    named(live, workspace_id, ("Ana", "Quispe"), *[("Ana", f"Other{number}") for number in range(20)])

    assert found(live, workspace_id, "ana quispe") == ["Ana Quispe"]
    assert found(live, workspace_id, "quis ana") == ["Ana Quispe"]
    assert len(found(live, workspace_id, "ana")) == 5


def test_whole_words_come_before_beginnings(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_FOUND", 2)
    named(live, workspace_id, ("Ann", "A"), ("Ann", "B"), *[("Anna", f"C{number}") for number in range(9)])

    assert sorted(found(live, workspace_id, "ann")) == ["Ann A", "Ann B"]


def test_pages_follow_each_other(live: Connection, workspace_id: int) -> None:
    named(live, workspace_id, *[("Ana", f"L{number}") for number in range(7)])

    first = search_people(live, workspace_id, "ana", limit=3)
    second = search_people(live, workspace_id, "ana", before=first.next, limit=3)
    third = search_people(live, workspace_id, "ana", before=second.next, limit=3)

    seen = [one.profile_id for page in (first, second, third) for one in page.profiles]
    assert (len(seen), len(set(seen)), third.next) == (7, 7, None)
    assert seen == sorted(seen, reverse=True)
