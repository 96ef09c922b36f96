from prescriptions.languages.formats.en.formats import *  # noqa: F403
