from django.db import migrations

from tessera.foundation.migrations_sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("audience", "0004_moves")]
    operations = [run_sql_file(__file__, "0005_blotting.sql")]
