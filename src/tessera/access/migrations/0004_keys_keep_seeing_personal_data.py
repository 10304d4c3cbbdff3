"""Keys that could read people before there was `pii:read` go on reading them as they are."""

from django.db import migrations


def grant(apps, schema_editor):
    ApiKey = apps.get_model("access", "ApiKey")
    for key in ApiKey.objects.filter(scopes__overlap=["profiles:read", "profiles:write"]):
        if "pii:read" not in key.scopes:
            key.scopes = [*key.scopes, "pii:read"]
            key.save(update_fields=["scopes"])


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_second_factors_and_invitations"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
