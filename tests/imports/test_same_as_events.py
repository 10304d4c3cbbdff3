"""An import is the same as its rows sent as identify events, wherever keys are unique to people."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.imports import imported, undone
from factories.people import ingest, message, people
from tessera.profiles.phone_numbers import NotANumber, by_the_library, e164
from tessera.workspaces.actions import create_source
from tessera.workspaces.queries import source_by_name

Connection = psycopg.Connection[Any]
TABLES = (
    "identity_profile, identity_identifier, identity_merge, identity_refusal, profiles_state, profiles_search,"
    " events_history, events_seen, events_catalogue, events_tally, imports_import, imports_chunk, imports_step"
)


def without_times(everyone: dict[Any, bytes]) -> dict[Any, Any]:
    """Two ways cannot happen at the same microsecond, nor under the same ids: compare what was said."""
    seen = {}
    for identifiers, encoded in everyone.items():
        state = msgspec.json.decode(encoded)
        seen[identifiers] = (
            {name: register[2:] for name, register in state.get("attributes", {}).items()},
            {name: counter["count"] for name, counter in state.get("events", {}).items()},
            sorted(set(state) - {"created", "first", "last"}),
        )
    return seen


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    text = st.text(alphabet="aåЖ ñ\"',;\n", max_size=6)
    person = st.fixed_dictionaries(
        {"user_id": st.integers(0, 5)},
        optional={"email": st.booleans(), "phone": st.booleans(), "plan": text, "first_name": text, "note": text},
    )
    return st.lists(person, min_size=1, max_size=20)


def row_of(drawn: dict[str, Any]) -> dict[str, str]:
    number = drawn["user_id"]
    told = {name: drawn[name].strip() for name in ("plan", "first_name", "note") if drawn.get(name, "").strip()}
    row = {"user_id": f"u{number}", **told}
    if drawn.get("email"):
        row["email"] = f"P{number}@Example.com"
    if drawn.get("phone"):
        row["phone"] = f"+34 600 00 00 0{number}"
    return row


def csv_of(told: list[dict[str, str]]) -> bytes:
    import csv
    import io

    names = ["user_id", "email", "phone", "plan", "first_name", "note"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in told)
    return out.getvalue().encode()


PLAN = {
    name: f"attribute:{name}" for name in ("plan", "first_name", "note")
} | {"user_id": "user_id", "email": "email", "phone": "phone"}  # fmt: skip


def as_events(told: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [
        message("identify", userId=row["user_id"], traits={k: v for k, v in row.items() if k != "user_id"},
                timestamp=f"2026-11-01T00:00:00.{number:06}Z", context={"channel": "server"})
        for number, row in enumerate(told)
    ]  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(before=rows(), drawn=rows())
def test_an_import_equals_its_rows_as_events_and_undo_is_exact(
    live: Connection, workspace_id: int, before: list[dict[str, Any]], drawn: list[dict[str, Any]]
) -> None:
    live.execute(f"TRUNCATE {TABLES}")
    known, told = [row_of(each) for each in before], [row_of(each) for each in drawn]
    source = source_by_name(workspace_id, "files") or create_source(
        workspace_id=workspace_id, name="files", kind="server", allowed_origins=(), actor="ana"
    )
    received = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) * 1_000_000
    ingest(live, workspace_id, as_events(known), received_at=received)
    at_first = people(live)
    done = imported(live, workspace_id, csv_of(told), columns=PLAN, match="user_id", source_id=source.id)
    assert done.counts.errors == 0
    by_import = without_times(people(live))
    undone(live, done)
    assert people(live) == at_first

    live.execute(f"TRUNCATE {TABLES}")
    ingest(live, workspace_id, as_events(known), received_at=received)
    later = [{**event, "timestamp": event["timestamp"].replace("-01T", "-02T")} for event in as_events(told)]
    ingest(live, workspace_id, later)
    assert by_import == without_times(people(live))


@settings(max_examples=400)
@given(
    text=st.from_regex(r"\+?[0-9]{1,3}[ .()-]?[0-9]{3,6}[ .()-]?[0-9]{0,7}", fullmatch=True),
    region=st.sampled_from(["ES", "US", "GB", "RU", "KZ", "IT", "MX", "AR", "DE", "TH", "BR", "FR", "VA"]),
)
def test_plainly_written_numbers_are_judged_as_the_library_does(text: str, region: str) -> None:
    def judged(judge: Any) -> str:
        try:
            return str(judge(text, region))
        except NotANumber:
            return "none"

    assert judged(e164) == judged(by_the_library)
