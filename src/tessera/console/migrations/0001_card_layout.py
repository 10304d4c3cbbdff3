from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="CardLayout",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("account_id", models.UUIDField()),
                ("workspace_id", models.IntegerField()),
                ("document", models.JSONField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "workspace_id"), name="console_card_layout_of_staff")
                ],
            },
        ),
    ]
