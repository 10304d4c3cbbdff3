"""The demo world: invented people who visit, sign up and buy at two brands, told through the same door as everyone."""

from tessera.project.demo.live import live
from tessera.project.demo.load import DemoReport, WorkspaceNotEmpty, load

__all__ = ["DemoReport", "WorkspaceNotEmpty", "live", "load"]
