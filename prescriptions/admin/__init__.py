"""The Django admin, one module per concept. Importing them registers them; nothing here types over a fact."""

from prescriptions.admin import access, reasons, reviews, trail, uploads, variants

__all__ = ["access", "reasons", "reviews", "trail", "uploads", "variants"]
