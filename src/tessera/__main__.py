"""`python -m tessera`, which is how the supervisor starts its children."""

from tessera.project.cli import main

main()
