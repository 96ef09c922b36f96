from prescriptions.languages.formats.en.formats import *  # noqa: F403

# Lakh and crore.
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = (3, 2, 0)
