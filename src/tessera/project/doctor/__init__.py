"""`tessera doctor`: what a support engineer would ask first, asked of this installation. Changes nothing."""

from tessera.project.doctor.check import Check
from tessera.project.doctor.examine import examine

__all__ = ["Check", "examine"]
