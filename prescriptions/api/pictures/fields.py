"""What requests about several pages have in common."""

from rest_framework import serializers

from transforms.limits import LIMITS


def page_numbers(*, help_text: str) -> serializers.ListField:
    """Numbers of pages of one prescription; may be left out, and is never empty."""
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LIMITS.pdf_pages),
        required=False,
        min_length=1,
        max_length=LIMITS.pdf_pages,
        help_text=help_text,
    )
