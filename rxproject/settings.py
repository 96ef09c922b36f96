"""Settings, from the environment alone. Every RX_ name is described in docs/reference/settings.md.

Nothing here has an insecure default: without RX_SECRET_KEY and RX_LINK_KEYS the server refuses to sign anything.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import dj_database_url
from botocore.config import Config
from celery.schedules import crontab

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("RX_STATE_DIR", BASE_DIR / "var"))
RX_ROLE = os.environ.get("RX_ROLE", "manage")


def _flag(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        message = f"{name} must be a number, not {text!r}"
        raise SystemExit(message) from None


# --- Django ---------------------------------------------------------------------------------------------------
SECRET_KEY = os.environ.get("RX_SECRET_KEY", "")  # empty: Django raises on first use
DEBUG = _flag("RX_DEBUG")
ALLOWED_HOSTS = _list("RX_ALLOWED_HOSTS", "127.0.0.1,localhost")
BASE_URL = os.environ.get("RX_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "rxproject.urls"
WSGI_APPLICATION = "rxproject.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "prescriptions",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    # The stack of one machine; the image does not have it.
    *(["rxproject.local"] if find_spec("rxproject.local") else []),
]

MIDDLEWARE = [
    "prescriptions.infra.middleware.RequestLog",
    "prescriptions.infra.middleware.ProblemAnswers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
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

# --- Database: SQLite needs WAL and IMMEDIATE, or half of the concurrent writers fail with "database is locked" ---
DATABASES = {"default": dj_database_url.parse(os.environ.get("RX_DATABASE_URL") or f"sqlite:///{STATE_DIR}/db.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
# Opening a connection, even to a file, costs more than the queries of most requests.
DATABASES["default"]["CONN_MAX_AGE"] = 60
# gunicorn has hundreds of threads, most of which wait for a render and need no connection meanwhile: a process shares
# a few among them. A Celery process works at one thing at a time and has one of its own.
RX_DATABASE_POOL = int(_number("RX_DATABASE_POOL", 8))
if DATABASES["default"]["ENGINE"].endswith("postgresql") and RX_ROLE in ("web", "generate"):
    DATABASES["default"]["CONN_MAX_AGE"] = 0  # a request's connection goes back to the pool, which keeps it
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": max(1, RX_DATABASE_POOL),
        "timeout": 10,  # for a connection to become free; then 503, and the client asks again
        "max_idle": 60,
    }

# --- Users and sessions -----------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# --- Transport: everything behind TLS is switched by the address people use -------------------------------------
_TLS = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _TLS
SECURE_SSL_REDIRECT = False  # the edge redirects; it is the only one that can be reached
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # the edge always sets it, clients cannot
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _TLS
# With "no-referrer" browsers send "Origin: null" with forms, which the CSRF check must refuse. Images are stricter.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
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

# --- Words and time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = os.environ.get("RX_TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True

# --- Files ------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
# `npm ci` puts the viewer of the review page there. Without it that page's viewer shows plain images.
_VIEWER = BASE_DIR / "node_modules" / "openseadragon" / "build" / "openseadragon"
STATICFILES_DIRS = [("openseadragon", _VIEWER)] if _VIEWER.is_dir() else []
# Served straight from the packages and this tree; without a collected copy nothing can be stale.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# The edge bounds the whole body; these bound what one form may ask of this process.
DATA_UPLOAD_MAX_NUMBER_FILES = 20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 250
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- S3: each process has its own identity; the bucket names are the same everywhere -----------------------------
RX_S3_ENDPOINT = os.environ.get("RX_S3_ENDPOINT", "")  # empty: AWS
RX_S3_REGION = os.environ.get("RX_S3_REGION", "us-east-1")
RX_S3_ACCESS_KEY = os.environ.get("RX_S3_ACCESS_KEY", "")  # empty: the SDK's own chain (roles)
RX_S3_SECRET_KEY = os.environ.get("RX_S3_SECRET_KEY", "")
RX_ORIGINALS_BUCKET = os.environ.get("RX_ORIGINALS_BUCKET", "rx-originals")
RX_VARIANTS_BUCKET = os.environ.get("RX_VARIANTS_BUCKET", "rx-variants")

# The SDK's own time-outs are 60 s each and five tries. Four of ours and the pauses between them (at most 7 s) end
# before a task's soft limit (25 s): a worker must live to say that the storage, not the file, is to blame.
RX_S3_CLIENT_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=64,
    s3={"addressing_style": "path" if RX_S3_ENDPOINT else "auto"},
    # A SHA-256 of our own goes with each put; a second checksum would cost a pass over the bytes.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


def _bucket(name: str) -> dict[str, object]:
    """django-storages' options of one private bucket."""
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": name,
            "endpoint_url": RX_S3_ENDPOINT or None,
            "region_name": RX_S3_REGION,
            "access_key": RX_S3_ACCESS_KEY or None,
            "secret_key": RX_S3_SECRET_KEY or None,
            "client_config": RX_S3_CLIENT_CONFIG,
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
        },
    }


STORAGES = {
    "default": _bucket(RX_ORIGINALS_BUCKET),
    "originals": _bucket(RX_ORIGINALS_BUCKET),
    "variants": _bucket(RX_VARIANTS_BUCKET),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# --- Variants ---------------------------------------------------------------------------------------------------
RX_LINK_KEYS = os.environ.get("RX_LINK_KEYS", "")
RX_LINK_TTL = int(_number("RX_LINK_TTL", 3600))
RX_BACKEND = os.environ.get("RX_BACKEND", "celery")
RX_FALLBACK_BACKEND = os.environ.get("RX_FALLBACK_BACKEND", "")
# The address of the API's /render, and who calls it; without keys the SDK's own chain (roles) is asked.
RX_GATEWAY_URL = os.environ.get("RX_GATEWAY_URL", "")
RX_GATEWAY_REGION = os.environ.get("RX_GATEWAY_REGION") or RX_S3_REGION
RX_GATEWAY_ACCESS_KEY = os.environ.get("RX_GATEWAY_ACCESS_KEY", "")
RX_GATEWAY_SECRET_KEY = os.environ.get("RX_GATEWAY_SECRET_KEY", "")
RX_LAMBDA_CONCURRENCY = int(_number("RX_LAMBDA_CONCURRENCY", 16))
RX_LAMBDA_MEMORY_MB = int(_number("RX_LAMBDA_MEMORY_MB", 2048))
RX_WAIT = _number("RX_WAIT", 10.0)
RX_IIIF_OVERSIZE = os.environ.get("RX_IIIF_OVERSIZE", "fit")
RX_PDF_ENGINES = tuple(_list("RX_PDF_ENGINES", "pdfium,poppler"))
RX_MAX_WAITERS = int(_number("RX_MAX_WAITERS", 256))
RX_QUEUE_LIMIT = int(_number("RX_QUEUE_LIMIT", 500))

# --- Review: times in seconds -------------------------------------------------------------------------------------
RX_REVIEW_LEASE = int(_number("RX_REVIEW_LEASE", 600))
RX_REVIEW_DUE = int(_number("RX_REVIEW_DUE", 1800))
RX_REVIEW_SKIP = int(_number("RX_REVIEW_SKIP", 900))
# So long who decided may take it back, and nobody outside is told.
RX_REVIEW_UNDO = int(_number("RX_REVIEW_UNDO", 8))
RX_CLARIFICATION_WAIT = int(_number("RX_CLARIFICATION_WAIT", 172_800))
# Lines of these drug schedules need a second pair of eyes.
RX_SECOND_CHECK_SCHEDULES = tuple(_list("RX_SECOND_CHECK_SCHEDULES", "H1,X"))
# How long an approval is valid, in days from the date of the prescription, by drug schedule; `*` is for the rest.
RX_VALIDITY_DAYS = dict(entry.split(":", 1) for entry in _list("RX_VALIDITY_DAYS", "*:180,H1:30,X:30"))
# How far back a page is compared with earlier ones, in days.
RX_DUPLICATE_DAYS = int(_number("RX_DUPLICATE_DAYS", 365))

# --- Metrics: where processes count; all of one machine share it. Empty: each answers for itself ---------------------
RX_METRICS_DIR = os.environ.get("RX_METRICS_DIR", "")

# --- Celery: at-least-once delivery of hints; the lease in the row decides ----------------------------------------
RX_REDIS_URL = os.environ.get("RX_REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = RX_REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# kombu sweeps for lost messages every interval x throttle seconds; its defaults add up to 100 s.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    # Before publishing, kombu would try for six seconds to reach a broker that is away; the request is told at once.
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "socket_keepalive": True,
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 25
CELERY_TASK_TIME_LIMIT = 28
CELERY_TASK_DEFAULT_QUEUE = "images"
CELERY_TASK_ROUTES = {
    "prescriptions.tasks.sweep": {"queue": "control"},
    "prescriptions.tasks.reconcile_nightly": {"queue": "control"},
    "prescriptions.tasks.review_housekeeping": {"queue": "control"},
    "prescriptions.tasks.anchor_audit": {"queue": "control"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    # A sweep that nobody took is worthless five seconds later: the next one replaces it.
    "sweep": {"task": "prescriptions.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "reviews": {"task": "prescriptions.tasks.review_housekeeping", "schedule": 15.0, "options": {"expires": 15}},
    "audit": {"task": "prescriptions.tasks.anchor_audit", "schedule": crontab(hour=0, minute=5)},
    "reconcile": {"task": "prescriptions.tasks.reconcile_nightly", "schedule": crontab(hour=3, minute=17)},
}

# --- REST -------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "prescriptions.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["prescriptions.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "prescriptions.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "prescriptions.infra.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Prescription variants on demand",
    "DESCRIPTION": "Upload prescriptions; ask for any page in any size and format. A variant is made once, the first "
    "time it is asked for, and served from S3 ever after.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
}

# --- Logs: one JSON line per event, a request id from the edge to the worker, no patient data ---------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "prescriptions.infra.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("RX_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        # RequestLog writes one line per request; Django's own 4xx lines would repeat the path, token and all.
        "django.request": {"level": "CRITICAL"},
        "django.security": {"level": "ERROR"},
        "botocore": {"level": "WARNING"},
        "celery": {"level": "INFO"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
