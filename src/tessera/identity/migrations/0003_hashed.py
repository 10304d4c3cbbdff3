from django.db import migrations

from tessera.foundation.migrations_sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_suppression")]
    operations = [run_sql_file(__file__, "0003_hashed.sql")]
