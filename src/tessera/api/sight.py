"""What the bearer of a key reads of people: everything with `pii:read`, else personal data masked."""

from typing import Any
from uuid import UUID

import psycopg
from django.http import HttpRequest

from tessera.access.queries import ApiKeyGrant
from tessera.access.scopes import SEE_PII
from tessera.api.door import grant_of
from tessera.api.problems import Refused
from tessera.profiles.masking import Mask, mask_for
from tessera.profiles.person import PersonView

Connection = psycopg.Connection[Any]


def trusted(request: HttpRequest, because: str) -> ApiKeyGrant:
    """The grant of a key that may see personal data, where masking would leave nothing. Raises `Refused`.

    `because` says what is personal: it begins the sentence of the refusal.
    """
    grant = grant_of(request)
    if not grant.sees_pii:
        raise Refused("missing_scope", f"{because}: this key lacks the scope {SEE_PII}")
    return grant


def mask_of(connection: Connection, grant: ApiKeyGrant, *people: UUID) -> Mask | None:
    """The mask through which the bearer reads these people; None with `pii:read`."""
    return None if grant.sees_pii else mask_for(connection, grant.workspace_id, people)


def seen_by(connection: Connection, grant: ApiKeyGrant, person: PersonView) -> PersonView:
    """The person as the bearer may read them."""
    mask = mask_of(connection, grant, person.profile_id)
    return mask.person(person) if mask else person
