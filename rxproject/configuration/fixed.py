"""Settings that are the same in every deployment, and are the packages' own: templates, REST, the schema, logs."""

from typing import Any, Final

TEMPLATES: Final[Any] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# What customers are spoken to in, and what staff. More in docs/how-to/translate.md.
LANGUAGES: Final = [
    ("en", "English"),
    ("hi", "Hindi"),
    ("bn", "Bengali"),
    ("mr", "Marathi"),
    ("ta", "Tamil"),
    ("te", "Telugu"),
    ("ur", "Urdu"),
]
STAFF_LANGUAGES: Final = ("en", "hi")
FORMAT_MODULE_PATH: Final = "prescriptions.languages.formats"
LANGUAGE_COOKIE_AGE: Final = 31_536_000
LANGUAGE_COOKIE_HTTPONLY: Final = True
LANGUAGE_COOKIE_SAMESITE: Final = "Lax"

CONTENT_SECURITY_POLICY: Final[Any] = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# Pages ask for none of it: the camera of a phone is behind a file field, and passkeys are our own origin's.
PERMISSIONS_POLICY: Final[Any] = {
    "publickey-credentials-create": ["self"],
    "publickey-credentials-get": ["self"],
    **{
        name: []
        for name in (
            *("camera", "display-capture", "geolocation", "microphone", "midi", "payment"),
            *("serial", "usb", "xr-spatial-tracking"),
        )
    },
}

# Which programs in browsers may call the API is asked of prescriptions/api/protocol/origins.py; never with cookies.
CORS_URLS_REGEX: Final = r"^/(?:api/v1/|(?:orders/[^/]+/prescription|upload)/uploads(?:/|$))"
CORS_ALLOW_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
CORS_ALLOW_HEADERS: Final = (
    *("Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range"),
    *("Prefer", "Range", "Tus-Resumable", "Upload-Checksum", "Upload-Length", "Upload-Metadata", "Upload-Offset"),
    *("X-HTTP-Method-Override", "X-Request-ID"),
)
CORS_EXPOSE_HEADERS: Final = (
    *("Allow", "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Link", "Location"),
    *("Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "Server-Timing", "WWW-Authenticate"),
    *("Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version", "Upload-Expires"),
    *("Upload-Length", "Upload-Offset", "X-Request-ID", "X-Variant"),
)
CORS_PREFLIGHT_MAX_AGE: Final = 600  # an origin that is taken off the list is soon off it everywhere

REST_FRAMEWORK: Final[Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "prescriptions.api.authentication.BearerAuthentication",
        "prescriptions.api.authentication.StaffSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["prescriptions.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["prescriptions.api.parsing.StrictJSON"],
    "URL_FORMAT_OVERRIDE": None,  # `?format=` would be a parameter of every operation; Accept says it
    "DEFAULT_PAGINATION_CLASS": "prescriptions.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "prescriptions.api.base.Operation",
    "EXCEPTION_HANDLER": "prescriptions.infra.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS: Final[Any] = {
    "TITLE": "Prescription variants on demand",
    "DESCRIPTION": "Upload prescriptions; ask for any page in any size and format. A variant is made once, the first "
    "time it is asked for, and served from S3 ever after.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # An address for each operation would be a link within a button, which screen readers lose.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False, "persistAuthorization": False, "validatorUrl": None},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "prescriptions.api.openapi.document.finish",
    ],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ReviewStatusEnum": "prescriptions.models.ReviewStatus",
        "CustomerActionEnum": "prescriptions.models.CustomerAction",
        "LinkScopeEnum": ["f", "r"],
        "OrderLinkScopeEnum": ["order", "upload"],
    },
}

# Of Django's own checks: the edge redirects to https, and is the only one that can be reached.
SILENCED_SYSTEM_CHECKS: Final = ("security.W008",)


def cookies(*, tls: bool) -> tuple[str, str, str, str, str, str]:
    """Names of a session's, a form's, an order's, a phone's, a known browser's and a chosen language's cookie.

    By these browsers take one from this host alone, over TLS, and from no neighbour. The order's, the phone's and the
    known browser's have a path of their own, which `__Host-` forbids.
    """
    host, secure = ("__Host-", "__Secure-") if tls else ("", "")
    of_paths = (f"{secure}rx_order", f"{secure}rx_phone", f"{secure}rx_known")
    return f"{host}sessionid", f"{host}csrftoken", *of_paths, f"{host}rx_language"


def storages(own: dict[str, Any], *, config: Any, ca_file: str) -> dict[str, Any]:
    """django-storages' description of the private buckets. `own`: the names of settings.py so far."""
    private = {
        "endpoint_url": own["RX_S3_ENDPOINT"] or None,
        "region_name": own["RX_S3_REGION"],
        "access_key": own["RX_S3_ACCESS_KEY"] or None,
        "secret_key": own["RX_S3_SECRET_KEY"] or None,
        "client_config": config,
        "verify": ca_file or None,
        "default_acl": None,
        "querystring_auth": True,
        "file_overwrite": False,
    }

    def bucket(name: str) -> dict[str, Any]:
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": name, **private}}

    return {
        "default": bucket(own["RX_ORIGINALS_BUCKET"]),
        "originals": bucket(own["RX_ORIGINALS_BUCKET"]),
        "variants": bucket(own["RX_VARIANTS_BUCKET"]),
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
    }


def logging(level: str) -> dict[str, Any]:
    """One JSON line per event on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "prescriptions.infra.logs.JsonLines"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["stderr"], "propagate": False},
            # RequestLog writes one line per request; Django's own 4xx lines would repeat the path, token and all.
            "django.request": {"level": "CRITICAL"},
            "django.security": {"level": "ERROR"},
            "botocore": {"level": "WARNING"},
            "axes": {"level": "ERROR"},  # it would say what was typed as a name
            "celery": {"level": "INFO"},
            # Two lines for each sweep and each message, which say nothing that ours do not.
            **{name: {"level": "WARNING"} for name in ("celery.app.trace", "celery.beat", "celery.worker.strategy")},
        },
    }
