from django.db import migrations

from tessera.foundation.migrations_sql import run_sql_file


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [run_sql_file(__file__, "0001_deliveries.sql")]
