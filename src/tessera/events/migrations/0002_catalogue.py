from django.db import migrations

from tessera.foundation.migrations_sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("events", "0001_log")]
    operations = [run_sql_file(__file__, "0002_catalogue.sql")]
