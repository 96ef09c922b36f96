"""Starts every server of the project on one machine, on loopback, and keeps them running.

For `manage.py runstack`, tests and demonstrations; production runs the same roles elsewhere.
"""

from rxproject.runstack.components import Sizes
from rxproject.runstack.errors import StackError
from rxproject.runstack.stack import Stack, Stopped

__all__ = ["Sizes", "Stack", "StackError", "Stopped"]
