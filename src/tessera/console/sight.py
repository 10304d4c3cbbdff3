"""What a member of staff sees of people: everything, or personal data masked."""

from collections.abc import Iterable
from uuid import UUID

from tessera.access.queries import StaffFacts
from tessera.console.permissions import Ability, abilities_of
from tessera.foundation.pool import pool
from tessera.profiles.masking import Mask, mask_for
from tessera.profiles.person import PersonView


def sight_of(staff: StaffFacts, people: Iterable[UUID] = ()) -> Mask | None:
    """The mask through which this viewer reads; None for who sees personal data.

    `people` are profiles whose own values (names, addresses …) are masked wherever they occur.
    """
    if Ability.SEE_PII in abilities_of(staff):
        return None
    with pool().connection() as connection:
        return mask_for(connection, staff.workspace_id, people)


def seen_by(staff: StaffFacts, person: PersonView) -> PersonView:
    """The person as this viewer may read them."""
    mask = sight_of(staff, [member.profile_id for member in person.members])
    return person if mask is None else mask.person(person)
