"""Invitations and keys know whose they are. A link that waits is its inviter's; keys of before stay nobody's."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def find_inviters(apps, schema_editor):
    Account, Invitation = apps.get_model("access", "Account"), apps.get_model("access", "Invitation")
    inviter = Account.objects.filter(email__iexact=OuterRef("invited_by")).values("pk")[:1]
    Invitation.objects.filter(accepted_at=None, withdrawn_at=None).update(inviter_id=Subquery(inviter))


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_keys_keep_seeing_personal_data"),
    ]

    operations = [
        migrations.AddField("apikey", "made_by", models.UUIDField(blank=True, null=True)),
        migrations.AddField("invitation", "inviter_id", models.UUIDField(blank=True, null=True)),
        migrations.AddField("invitation", "api_key_id", models.BigIntegerField(blank=True, null=True)),
        migrations.RunPython(find_inviters, migrations.RunPython.noop),
    ]
