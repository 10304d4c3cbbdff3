"""A workspace that has some of everything there is, and grows by one of each: for tests that walk every address."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from duplicates.conftest import make_twice
from factories import imports, people
from factories.authenticator import Authenticator
from factories.pictures import picture
from tessera.access import actions as access
from tessera.access import passkeys, staffing
from tessera.access.queries import staff_by_email
from tessera.audience.conditions.registry import to_json
from tessera.audience.insight import saved
from tessera.audience.insight.saved import NewReport
from tessera.audience.segments import actions as segments
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.deliveries import actions as deliveries
from tessera.deliveries.records import NewSegmentExport, Webhook
from tessera.deliveries.run import run as deliver
from tessera.duplicates import actions as duplicates
from tessera.duplicates import queries as pairs
from tessera.events import catalogue, rejections
from tessera.exports import actions as exports
from tessera.exports.wanted import read_wanted
from tessera.foundation.settings import settings
from tessera.identity import actions as identity
from tessera.intake import relations, standing
from tessera.privacy import actions as privacy
from tessera.privacy import suppressions
from tessera.profiles.relation_types import declare_relation_type
from tessera.workspaces import actions as workspaces

Connection = psycopg.Connection[Any]
MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAMILIES = ("García", "Fernández", "Ibáñez", "Rodríguez", "Montesinos")
CONSOLE = "https://console.example"
ACTOR = "ana@example.com"


class World:
    """`grow()` adds a person, a source, a key, an import … and one more of everything the main person has.

    `mark` stands in every value somebody typed or sent, so that it can be looked for.
    """

    def __init__(self, live: Connection, workspace_id: int, *, mark: str = "zqxjkv") -> None:
        self.live = live
        self.workspace_id = workspace_id
        self.mark = mark
        self.size = 0
        self.source_id = workspaces.create_source(workspace_id=workspace_id, name="Shop").id
        self.ids: dict[str, Any] = {"source_id": self.source_id}

    @property
    def values(self) -> dict[str, Any]:
        """Parameters of addresses by their names, all of something that is there."""
        return self.ids

    def grow(self, times: int = 1) -> None:
        for _ in range(times):
            self.size += 1
            self._people()
            self._merge()
            self._standing()
            self._sources()
            self._access()
            self._relations()
            self._import()
            self._export()
            self._privacy()
            self._duplicates()
            self._segments()
            self._deliveries()
            while catalogue.add_up(self.live):
                pass

    def _root(self, kind: str, value: str) -> UUID:
        found = people.root(self.live, kind, value)
        assert found is not None
        return found

    def _people(self) -> None:
        n, mark = self.size, self.mark
        traits = {
            "firstName": f"F{mark}",
            "email": f"{mark}@example.com",
            "gender": f"odd{n}",
        }
        said = [
            people.message(
                "identify", userId="main", anonymousId=f"browser-{n}", traits=traits | {"plan": "pro", f"own{n}": n}
            ),
            people.message(
                "page", userId="main", name=f"Page {n}", properties={"url": f"https://a.example/?n=F{mark}"}
            ),
            people.message(userId="main", event=f"Event {n}", properties={"total": n, f"own{n}": f"for F{mark}"}),
            people.message("group", userId="main", groupId=f"group-{n}"),
            people.message(
                "identify", userId=f"other-{n}", traits={"phone": f"+3460077788{n}", "name": f"O{mark} {n}"}
            ),
            people.message("identify", userId=f"doomed-{n}", traits={"email": f"doomed{n}.{mark}@example.com"}),
            people.message(anonymousId=f"guest-{n}"),
        ]
        people.ingest(self.live, self.workspace_id, said, source_id=self.source_id)
        # Somebody else's telephone on the main person: refused, and the refusal is on the card.
        refused = [people.message("identify", userId="main", traits={"phone": f"+3460077788{n}"})]
        people.ingest(self.live, self.workspace_id, refused, source_id=self.source_id)
        self.ids["profile_id"] = self._root("user_id", "main")
        self.ids["other_id"] = self._root("user_id", "other-1")
        excerpt = json.dumps({"type": "track", "traits": {"email": f"{mark}@example.com"}})
        said_no = rejections.Rejection(
            workspace_id=self.workspace_id, source_id=self.source_id, stage="collect", code="missing_event_name",
            detail=f"no event from {mark}@example.com", excerpt=excerpt,
        )  # fmt: skip
        rejections.store(self.live, [said_no])

    def _merge(self) -> None:
        with self.live.transaction():
            made = identity.merge_profiles(
                self.live, workspace_id=self.workspace_id, keep=self.ids["profile_id"],
                absorb=self._root("anonymous_id", f"guest-{self.size}"), reason=f"F{self.mark} called",
                actor=ACTOR, now=datetime.now(UTC),
            )  # fmt: skip
        self.ids["merge_id"] = made.merge_id

    def _standing(self) -> None:
        said: dict[str, Any] = {"workspace_id": self.workspace_id, "actor": ACTOR, "now": datetime.now(UTC)}
        with self.live.transaction():
            standing.change_status(
                self.live, profile_id=self.ids["profile_id"], status=("invalid", "suspended")[self.size % 2],
                reason=f"F{self.mark} said", **said,
            )  # fmt: skip
        with self.live.transaction():
            standing.change_avatar(
                self.live, profile_id=self.ids["profile_id"], raw=picture(color=(self.size, 0, 0)), **said
            )
        row = self.live.execute("SELECT digest FROM profiles_avatar").fetchone()
        assert row is not None
        self.ids |= {"digest": row[0], "size": "small"}

    def _sources(self) -> None:
        named: dict[str, Any] = {"workspace_id": self.workspace_id}
        brand = workspaces.create_brand(name=f"Brand {self.size}", **named)
        workspaces.create_source(name=f"Source {self.size}", brand_id=brand.id, **named)
        workspaces.create_write_key(self.source_id, name=f"key {self.size}", **named)
        self.ids["brand_id"] = brand.id

    def _access(self) -> None:
        n = self.size
        email = f"colleague{n}@example.com"
        access.create_staff(email=email, role="analyst", workspace_id=self.workspace_id)
        key = access.create_api_key(workspace_id=self.workspace_id, name=f"key {n}", scopes=["profiles:read"])
        invited = staffing.invite_staff(
            workspace_id=self.workspace_id, email=f"new{n}@example.com", role="support", by=staffing.COMMAND_LINE,
            now=datetime.now(UTC),
        )  # fmt: skip
        access.record_audit(
            workspace_id=self.workspace_id, actor=ACTOR, action="change_attributes",
            target=f"profile:{self.ids['profile_id']}", detail={"reason": f"F{self.mark} wrote"},
        )  # fmt: skip
        member = staff_by_email(email)
        assert member is not None
        self.ids |= {"key_id": key.id, "account_id": member.account_id, "invitation_id": invited.invitation.id}
        self.ids["token"] = invited.token

    def _relations(self) -> None:
        with self.live.transaction():
            declare_relation_type(
                self.live, workspace_id=self.workspace_id, name=f"kind{self.size}", label="Buyer", inverse="Seller"
            )
            relations.add_relation(
                self.live, workspace_id=self.workspace_id, profile_id=self.ids["profile_id"], type="follows",
                to=f"user_id:other-{self.size}", properties={"note": f"F{self.mark}"}, actor=ACTOR,
                now=datetime.now(UTC),
            )  # fmt: skip

    def _import(self) -> None:
        rows = [["email", "birthday"], [f"in{self.size}@example.com", "1990-01-02"], ["x@example.com", self.mark]]
        made = imports.upload(self.live, self.workspace_id, imports.csv_file(rows), name=f"people{self.size}.csv")
        imports.tried_out(self.live, made)
        self.ids["import_id"] = made.id

    def _export(self) -> None:
        with self.live.transaction():
            made = exports.request_export(
                self.live, workspace_id=self.workspace_id, wanted=read_wanted({"what": "people"}), actor=ACTOR,
                now=datetime.now(UTC),
            )  # fmt: skip
        exports.run_export(made.export_id)
        self.ids["export_id"] = made.export_id

    def _deliveries(self) -> None:
        """What is carried away of the list of people: something waits for a receiver that is never called."""
        said: dict[str, Any] = {"workspace_id": self.workspace_id, "actor": ACTOR, "now": datetime.now(UTC)}
        new = NewSegmentExport(
            name=f"Lake {self.size}",
            destination=Webhook(url="https://127.0.0.1/in"),
            identifiers=("email",),
            everybody=True,
        )
        with self.live.transaction():
            made = deliveries.create(self.live, segment_id=self.ids["segment_id"], new=new, **said).export
        deliver(made.id)
        self.ids |= {"segment_export_id": made.id, "number": 1}

    def _privacy(self) -> None:
        said: dict[str, Any] = {"workspace_id": self.workspace_id, "actor": ACTOR, "now": datetime.now(UTC)}
        report = privacy.erase_person(
            self.live, profile_id=self._root("user_id", f"doomed-{self.size}"), reason="asked", suppress=True, **said
        )
        suppressions.add_suppression(self.live, contact=f"email:kept{self.size}@example.com", **said)
        self.ids["erasure_id"] = report.erasure_id
        # An erasure takes files with it; the newest export and import are to be there.
        self._export()
        self._import()

    def _duplicates(self) -> None:
        make_twice(self.live, self.workspace_id, FAMILIES[self.size - 1], self.size)
        where: dict[str, Any] = {"workspace_id": self.workspace_id}
        run = duplicates.ask_for_run(self.live, actor=ACTOR, now=datetime.now(UTC), deferred=False, **where)
        duplicates.carry_out_run(self.live, run_id=run.run_id, **where)
        found = pairs.pairs(self.live, self.workspace_id).pairs
        assert len(found) >= self.size
        self.ids |= {"pair_id": found[0].pair_id, "run_id": run.run_id}

    def _segments(self) -> None:
        """A list that grows, which conditions ask about, and one that nobody needs. Lists are read without analyst."""
        said: dict[str, Any] = {"workspace_id": self.workspace_id, "actor": ACTOR, "now": datetime.now(UTC)}
        with self.live.transaction():
            if "segment_id" not in self.ids:
                self.ids["segment_id"] = segments.create(self.live, new=NewSegment(name="List"), **said).id
            lone = NewSegment(name=f"Lone {self.size}", folder="Lists", tags=("by hand",))
            self.ids["lone_id"] = segments.create(self.live, new=lone, **said).id
            asked = to_json(from_text(f'plan = "pro" and segment("{self.ids["segment_id"]}")'))
            segments.create(self.live, new=NewSegment(name=f"Pro {self.size}", condition=asked), **said)
            named = ["user_id:main", f"user_id:other-{self.size}"]
            segments.add_people(self.live, segment_id=self.ids["segment_id"], items=named, **said)
            asked = b'{"report": "lifecycle", "period": {"op": "in_last", "days": 28}}'
            self.ids["report_id"] = saved.save(
                self.live, new=NewReport(name=f"Life {self.size}", request=asked), **said
            ).id


def add_passkey(email: str) -> UUID:
    """One more passkey of this member of staff; the installation must be at `CONSOLE` (see `at_home`)."""
    member = staff_by_email(email)
    assert member is not None
    options, challenge = passkeys.registration_options(member.account_id, email)
    answer = Authenticator(CONSOLE).create(options)
    passkeys.add_passkey(member.account_id, answer=answer, challenge=challenge, name="Laptop", now=MOMENT)
    return member.account_id


@contextmanager
def at_home(monkeypatch: Any) -> Iterator[None]:
    """The installation has an address of its own, without which nobody has passkeys."""
    monkeypatch.setenv("TESSERA_CONSOLE_URL", CONSOLE)
    settings.cache_clear()
    yield
    monkeypatch.delenv("TESSERA_CONSOLE_URL")
    settings.cache_clear()
