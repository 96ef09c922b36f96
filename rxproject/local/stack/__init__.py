"""Starts every server of the project on one machine, on loopback, and keeps them running.

For `manage.py runstack`, tests and demonstrations; production runs the same roles elsewhere.
"""

from rxproject.local.stack.components import Sizes
from rxproject.local.stack.errors import StackError
from rxproject.local.stack.stack import Stack, Stopped

__all__ = ["Sizes", "Stack", "StackError", "Stopped"]
