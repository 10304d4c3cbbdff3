from factories.imports import carried_out, csv_file, imported, tried_out, upload
from tessera.imports import queries


def test_thin(live, workspace_id):
    data = csv_file([["email", "First name", "phone", "plan"]] + [[f"a{i}@example.com", f"Ana{i}", f"+346{i:08}", "gold"] for i in range(10000)] + [["nonsense", "x", "", ""]])
    made = upload(live, workspace_id, data)
    print(made.plan)
    dry = tried_out(live, made)
    print(dry)
    done = carried_out(live, dry)
    print(done, queries.row_problems(live, workspace_id, made.id))
    again = imported(live, workspace_id, data)
    print(again.counts)
    assert 0
