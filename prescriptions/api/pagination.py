"""Cursor pages: stable while new prescriptions arrive, and as fast on page 1,000 as on page 1."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """`?cursor=…&page_size=…`, newest first."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")
