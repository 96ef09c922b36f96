"""A sandbox for integrators (RX_SANDBOX): a robot decides what has a magic order reference, within seconds."""

from prescriptions.upkeep.sandbox.robot import play

__all__ = ["play"]
