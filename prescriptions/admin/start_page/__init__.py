"""The figures of the start page, by what the person may see.

Numbers come added up (`figures`); here they get their words. Behind each chart is its table, which a script draws from.
"""

from prescriptions.admin.start_page.page import context

__all__ = ["context"]
