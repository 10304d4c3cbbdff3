"""What the console itself remembers: how each member of staff has arranged the customer card."""

from django.db import models


class CardLayout(models.Model):
    """One member of staff's arrangement. A small configuration table: one row per member at the most."""

    account_id = models.UUIDField()
    workspace_id = models.IntegerField()
    document = models.JSONField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account_id", "workspace_id"], name="console_card_layout_of_staff"),
        )

    def __str__(self) -> str:
        return f"the card of {self.account_id}"
