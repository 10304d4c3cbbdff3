"""The command `tessera`. One file per noun; what a command does is written elsewhere, here it is only called."""

from tessera.project.cli.app import main

__all__ = ["main"]
