"""How dates and times are written, in all languages alike: the day first, the month as a word."""

DATE_FORMAT = "j F Y"
TIME_FORMAT = "g:i A"
DATETIME_FORMAT = "j F Y, g:i A"
