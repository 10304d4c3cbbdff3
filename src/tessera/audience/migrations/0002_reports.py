from django.db import migrations

from tessera.foundation.migrations_sql import run_sql_file


class Migration(migrations.Migration):
    dependencies = [("audience", "0001_audience")]
    operations = [run_sql_file(__file__, "0002_reports.sql")]
