"""`{{ at|moment }}`: a time as people say it, in their zone: today by the clock alone, another day with its date."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format, time_format

register = template.Library()


@register.filter
def moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return time_format(local) if local.date() == timezone.localdate() else date_format(local, "DATETIME_FORMAT")
