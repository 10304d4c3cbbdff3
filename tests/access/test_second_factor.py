"""Authenticator apps and recovery codes: once each, throttled, sealed, not lost while demanded."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyotp
import pytest
from django.db import connections

from tessera.access import actions, queries, second_factor, staffing
from tessera.access.models import RecoveryCode, SecondFactor
from tessera.access.staffing import By
from tessera.foundation.errors import TesseraError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEP = timedelta(seconds=30)
OWNER = By("owner@example.com", makes_owners=True, sees_pii=True)


@pytest.fixture
def ana(workspace_id: int) -> UUID:
    actions.create_staff(email="ana@example.com", role="owner", workspace_id=workspace_id)
    found = queries.staff_by_email("ana@example.com")
    assert found is not None
    return found.account_id


def enrol(account_id: UUID) -> tuple[pyotp.TOTP, list[str]]:
    """An app that is set up at noon, and the recovery codes that came with it."""
    second_factor.begin_totp(account_id)
    pending = second_factor.pending_totp(account_id)
    assert pending is not None
    app = pyotp.TOTP(pending.secret)
    codes = second_factor.confirm_totp(account_id, app.at(NOON), now=NOON)
    assert codes is not None
    return app, codes


def test_an_app_counts_from_its_first_right_code_on(ana: UUID) -> None:
    second_factor.begin_totp(ana)
    pending = second_factor.pending_totp(ana)
    assert pending is not None
    assert pending.address.startswith("otpauth://totp/Tessera:ana%40example.com?secret=")

    wrong = second_factor.confirm_totp(ana, "000000", now=NOON)
    before = queries.factors_of(ana)
    codes = second_factor.confirm_totp(ana, pyotp.TOTP(pending.secret).at(NOON), now=NOON)

    assert (wrong, before.any) == (None, False)
    assert codes is not None
    assert len(set(codes)) == 10
    assert queries.factors_of(ana).totp_since == NOON
    assert queries.factors_of(ana).recovery_codes == 10
    assert second_factor.pending_totp(ana) is None


def test_a_code_opens_once_and_no_older_one_after_it(ana: UUID) -> None:
    app, _codes = enrol(ana)
    later = NOON + 2 * STEP

    answers = [
        second_factor.check_totp(ana, app.at(NOON), now=NOON),  # the one it was set up with
        second_factor.check_totp(ana, app.at(later), now=later),
        second_factor.check_totp(ana, app.at(later), now=later),
        second_factor.check_totp(ana, app.at(later - STEP), now=later),
        second_factor.check_totp(ana, app.at(later + STEP), now=later),
    ]

    assert answers == [False, True, False, False, True]


@pytest.mark.parametrize(("steps", "opens"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off(ana: UUID, steps: int, opens: bool) -> None:
    app, _codes = enrol(ana)
    now = NOON + 10 * STEP

    assert second_factor.check_totp(ana, app.at(now + steps * STEP), now=now) is opens


def test_one_code_sent_many_times_at_once_opens_once(ana: UUID) -> None:
    app, _codes = enrol(ana)
    now = NOON + 5 * STEP
    opened: list[bool] = []

    def send() -> None:
        try:
            opened.append(second_factor.check_totp(ana, app.at(now), now=now))
        except TesseraError:
            opened.append(False)
        finally:
            connections.close_all()

    rivals = [threading.Thread(target=send) for _ in range(4)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(timeout=30)

    assert sorted(opened) == [False, False, False, True]


def guess(account_id: UUID, code: str, now: datetime, check: Callable[..., bool]) -> str:
    try:
        return str(check(account_id, code, now=now))
    except TesseraError as error:
        return error.code


@pytest.mark.parametrize("check", [second_factor.check_totp, second_factor.check_recovery_code])
def test_five_wrong_codes_shut_the_step_for_a_quarter_of_an_hour(ana: UUID, check: Callable[..., bool]) -> None:
    app, codes = enrol(ana)
    now = NOON + 10 * STEP
    right = app.at(now) if check is second_factor.check_totp else codes[0]

    wrong = [guess(ana, "000001", now, check) for _ in range(6)]
    shut = guess(ana, right, now + timedelta(minutes=14), check)
    later = now + timedelta(minutes=16)
    opened = guess(ana, app.at(later) if check is second_factor.check_totp else right, later, check)

    assert wrong == ["False"] * 5 + ["second_step_shut"]
    assert (shut, opened) == ("second_step_shut", "True")


def test_guesses_of_codes_and_of_recovery_codes_count_together(ana: UUID) -> None:
    enrol(ana)
    now = NOON + 10 * STEP

    for check in [second_factor.check_totp, second_factor.check_recovery_code] * 2 + [second_factor.check_totp]:
        assert guess(ana, "000001", now, check) == "False"

    assert guess(ana, "000001", now, second_factor.check_recovery_code) == "second_step_shut"


def test_a_right_code_forgives_the_wrong_ones_before_it(ana: UUID) -> None:
    app, _codes = enrol(ana)
    for step in range(2, 8):
        now = NOON + step * 3 * STEP
        assert guess(ana, "000001", now, second_factor.check_totp) == "False"
        assert guess(ana, app.at(now), now, second_factor.check_totp) == "True"


def test_a_recovery_code_opens_once_however_it_is_typed(ana: UUID, workspace_id: int) -> None:
    _app, codes = enrol(ana)

    first = second_factor.check_recovery_code(ana, f" {codes[0].upper().replace('-', ' ')} ", now=NOON)
    again = second_factor.check_recovery_code(ana, codes[0], now=NOON)

    assert (first, again) == (True, False)
    assert queries.factors_of(ana).recovery_codes == 9
    (last, *_) = queries.audit_entries(workspace_id)
    assert (last.action, last.detail) == ("use_recovery_code", {"left": 9})


def test_new_codes_end_the_old_ones(ana: UUID) -> None:
    _app, old = enrol(ana)

    new = second_factor.renew_recovery_codes(ana)

    assert not set(old) & set(new)
    assert second_factor.check_recovery_code(ana, old[0], now=NOON) is False
    assert second_factor.check_recovery_code(ana, new[0], now=NOON) is True


def test_nothing_that_opens_is_readable_in_the_database(ana: UUID) -> None:
    app, codes = enrol(ana)

    row = SecondFactor.objects.get(account_id=ana)
    kept = [bytes(one.digest) for one in RecoveryCode.objects.filter(account_id=ana)]

    assert app.secret.encode() not in bytes(row.totp_secret or b"")
    assert not {code.encode() for code in codes} & set(kept)
    assert all(len(digest) == 32 for digest in kept)


def test_the_last_factor_stays_while_one_is_demanded(ana: UUID, workspace_id: int) -> None:
    enrol(ana)
    staffing.demand_second_factor(workspace_id, of="everybody", by=OWNER)

    with pytest.raises(TesseraError) as refusal:
        second_factor.remove_totp(ana)
    assert refusal.value.code == "factor_demanded"
    assert queries.factors_of(ana).any

    staffing.demand_second_factor(workspace_id, of="nobody", by=OWNER)
    second_factor.remove_totp(ana)
    assert queries.factors_of(ana) == queries.FactorFacts(None, (), 0)


def test_codes_without_a_factor_are_not_made(ana: UUID) -> None:
    with pytest.raises(TesseraError) as refusal:
        second_factor.renew_recovery_codes(ana)
    assert refusal.value.code == "no_factor"


def test_a_second_app_does_not_replace_the_first(ana: UUID) -> None:
    enrol(ana)

    with pytest.raises(TesseraError) as refusal:
        second_factor.begin_totp(ana)
    assert refusal.value.code == "totp_exists"
    assert queries.factors_of(ana).totp_since == NOON


def test_a_reset_takes_everything(ana: UUID, workspace_id: int) -> None:
    app, codes = enrol(ana)

    staffing.reset_second_factor(ana, workspace_id=workspace_id, by=OWNER)

    now = NOON + 10 * STEP
    assert queries.factors_of(ana) == queries.FactorFacts(None, (), 0)
    assert second_factor.check_totp(ana, app.at(now), now=now) is False
    assert second_factor.check_recovery_code(ana, codes[0], now=now) is False
