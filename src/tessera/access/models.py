"""Accounts, staff, API keys, audit. No table here grows with people or events except the bounded request ledgers."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from tessera.foundation.ids import uuid7


class AccountManager(BaseUserManager["Account"]):
    def get_by_natural_key(self, username: str | None) -> "Account":
        return self.get(email__iexact=username)


class Account(AbstractBaseUser):
    """Credentials only: who may do what is said by rows that point here, never by a flag on the account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True, max_length=254)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    sessions_generation = models.IntegerField(default=0, db_default=0)
    """Every session carries it: raising it ends them all, without a new password."""

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = AccountManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="account_email_once")]

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """What Django compares at every request; here also with the generation (0 is Django's own value)."""
        salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
        value = f"{self.password}:{self.sessions_generation}" if self.sessions_generation else self.password
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    MARKETER = "marketer", _("Marketer")
    ANALYST = "analyst", _("Analyst")
    SUPPORT = "support", _("Support")
    DEVELOPER = "developer", _("Developer")


class Staff(models.Model):
    """The row that lets an account into the console of one workspace.

    `time_zone` is an IANA name, empty for the browser's own. `sees_pii` overrides what the role says of personal data.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="staff")
    workspace_id = models.IntegerField()
    role = models.CharField(max_length=16, choices=Role)
    language = models.CharField(max_length=8, default="", blank=True)
    time_zone = models.CharField(max_length=64, default="", blank=True)
    sees_pii = models.BooleanField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "staff"
        indexes = [models.Index(fields=["workspace_id"], name="staff_by_workspace")]

    def __str__(self) -> str:
        return f"{self.account} ({self.role})"


class Invitation(models.Model):
    """A link by which somebody becomes staff, once. Only the SHA-256 of its token is kept.

    `inviter_id` is the account that answers for it, `api_key_id` the key it was made with; neither: the command line.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace_id = models.IntegerField()
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=Role)
    sees_pii = models.BooleanField(null=True, blank=True)
    digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.CharField(max_length=300)
    inviter_id = models.UUIDField(null=True, blank=True)
    api_key_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-created_at"], name="invitations_newest_first")]

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class SecondFactor(models.Model):
    """An account's authenticator app, and how often its codes were guessed wrong lately.

    `totp_secret` is sealed with the account's id; `totp_step` is the 30-second step of the last code that was accepted,
    so that no code opens twice.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="second_factor")
    totp_secret = models.BinaryField(null=True, blank=True)
    totp_confirmed_at = models.DateTimeField(null=True, blank=True)
    totp_step = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    last_failure_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"second factor of {self.account_id}"


class RecoveryCode(models.Model):
    """A code for the day the telephone is lost; opens once. Only the SHA-256 is kept (the code has 80 random bits)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.account_id}"


class Passkey(models.Model):
    """A WebAuthn credential. `sign_count` is the authenticator's own counter; a copy of the key would fall behind."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="passkeys")
    credential_id = models.BinaryField(max_length=1023, unique=True)
    public_key = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)
    transports = ArrayField(models.CharField(max_length=32), default=list)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class SecondFactorPolicy(models.Model):
    """Of whom a workspace demands a second factor. No row: of nobody."""

    workspace_id = models.IntegerField(primary_key=True)
    demanded_of = models.CharField(max_length=16)

    class Meta:
        verbose_name_plural = "second factor policies"

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.demanded_of}"


class ApiKey(models.Model):
    """A bearer key of the management API. Only its SHA-256 is kept; `prefix` lets people recognise it.

    `made_by` is the account that answers for it, and limits it at every request; None for the command line and for keys
    from before it was kept. No foreign key: a key must not become free because an account is gone.
    """

    workspace_id = models.IntegerField()
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=64))
    made_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class RequestWindow(models.Model):
    """How many requests a key made in one minute: the counter behind the rate limit."""

    pk = models.CompositePrimaryKey("api_key_id", "minute")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, db_constraint=False)
    minute = models.BigIntegerField()
    requests = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.api_key_id} at minute {self.minute}: {self.requests}"


class RememberedReply(models.Model):
    """The answer given to an Idempotency-Key, so that a repeated POST gets it again instead of acting again."""

    pk = models.CompositePrimaryKey("api_key_id", "idempotency_key")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, db_constraint=False)
    idempotency_key = models.CharField(max_length=255)
    request_digest = models.BinaryField(max_length=32)
    status = models.IntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.api_key_id}: {self.idempotency_key}"


class AuditEntry(models.Model):
    """Who changed what, append-only. `actor` is an account's e-mail, `api-key:<name>` or `system`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now())
    workspace_id = models.IntegerField(null=True)
    actor = models.CharField(max_length=300)
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=300)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "-at"], name="audit_newest_first"),
            models.Index(fields=["workspace_id", "actor", "-at"], name="audit_by_actor"),
            models.Index(fields=["workspace_id", "target", "-at"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"
