"""The page Explain: why an address answers as it does, and a playground of addresses."""

from prescriptions.admin.explain.page import page

__all__ = ["page"]
