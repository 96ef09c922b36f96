"""Settings, from the environment alone. Every RX_ name is described in docs/reference/settings.md.

Nothing here has an insecure default: without RX_SECRET_KEY and RX_LINK_KEYS the server refuses to sign anything.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from botocore.config import Config
from celery.schedules import crontab

from rxproject.configuration import database, fixed, kinds, signing_in
from rxproject.configuration import environment as env
from rxproject.configuration.schedules import WhileBusy, WhileTelling, every
from transforms.limits import LIMITS
from transforms.pdf.engines import ENGINES

_environment = env.Environment(os.environ)
_read = _environment.read
# Those that this file reads, by name: for the docs, the tests and whoever starts servers.
VARIABLES = _environment.variables

_DAY = 86_400
BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(_read("RX_STATE_DIR", "", env.text("a directory")) or BASE_DIR / "var")
RX_METRICS_DIR = _read("RX_METRICS_DIR", "", env.text("a directory"))  # empty: each process answers for itself
RX_METRICS_LISTEN = _read("RX_METRICS_LISTEN", "", env.listening())  # worker and beat; empty: nowhere
RX_METRICS_CERT = _read("RX_METRICS_CERT", "", env.text("a file"))
RX_ROLE = _read("RX_ROLE", "manage", env.choice("web", "generate", "worker", "beat", "manage"))
RX_PORT = _read("RX_PORT", "8000", env.whole(1, 65_535))  # the front door of runstack

# --- Django ---------------------------------------------------------------------------------------------------
SECRET_KEY = _read("RX_SECRET_KEY", "", env.text(secret=True))  # empty: Django raises on first use
SECRET_KEY_FALLBACKS = _read("RX_SECRET_KEY_FALLBACKS", "", kinds.keys())  # open what they signed, and sign nothing
DEBUG = _read("RX_DEBUG", "off", env.flag())
ALLOWED_HOSTS = _read("RX_ALLOWED_HOSTS", "127.0.0.1,localhost", env.hosts())
BASE_URL = _read("RX_BASE_URL", "http://127.0.0.1:8000", env.origin())
RX_INSECURE_HTTP = _read("RX_INSECURE_HTTP", "off", env.flag())
RX_INSECURE_STORES = _read("RX_INSECURE_STORES", "off", env.flag())
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "rxproject.urls"
WSGI_APPLICATION = "rxproject.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "prescriptions",
    "prescriptions.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "corsheaders",
    *signing_in.APPS,
    # The stack of one machine; the image does not have it.
    *(["rxproject.local"] if find_spec("rxproject.local") else []),
]

MIDDLEWARE = [
    "prescriptions.infra.middleware.RequestLog",
    "prescriptions.infra.viewers.OpenToViewers",
    "prescriptions.languages.choosing.Languages",
    "prescriptions.infra.middleware.ProblemAnswers",
    "prescriptions.ops.gate.ErasuresFirst",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "prescriptions.infra.methods.Methods",  # ahead of the CSRF check, which would call a wrong method a forgery
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    *signing_in.MIDDLEWARE,
]

# What is the same in every deployment.
globals().update({name: value for name, value in vars(fixed).items() if name.isupper()})

# --- Database -----------------------------------------------------------------------------------------------------
# gunicorn has hundreds of threads, most of which wait for a render and need no connection meanwhile: a process shares
# a few among them. Each thread of a Celery process has one of its own.
RX_CA_FILE = _read("RX_CA_FILE", "", env.text("a file"))  # who may sign the certificates of the stores
RX_DATABASE_POOL = _read("RX_DATABASE_POOL", "8", env.whole(1, 1000))
_DATABASE = _read("RX_DATABASE_URL", "", env.database_address()) or f"sqlite:///{STATE_DIR}/db.sqlite3"
_POOL = RX_DATABASE_POOL if RX_ROLE in ("web", "generate") else 0
RX_DATABASE_LIMITS = _read("RX_DATABASE_LIMITS", database.LIMITS, database.limits())
RX_DATABASE_POOLER = _read("RX_DATABASE_POOLER", "off", env.flag())
_LIMITED = database.limits_of(RX_ROLE, RX_DATABASE_LIMITS)
_DEFAULT = database.connection(_DATABASE, pool=_POOL, ca_file=RX_CA_FILE, limited=_LIMITED, pooler=RX_DATABASE_POOLER)
DATABASES = {"default": _DEFAULT}

# --- Staff accounts; what the libraries behind them are told is in signing_in.py --------------------------------------
RX_SECOND_FACTOR = _read("RX_SECOND_FACTOR", "pictures", signing_in.second_factor())
RX_SESSION_IDLE = _read("RX_SESSION_IDLE", "900", env.whole(60, _DAY, "seconds"))
RX_SESSION_LENGTH = _read("RX_SESSION_LENGTH", "43200", env.whole(300, 7 * _DAY, "seconds"))
RX_SIGNED_IN_LATELY = _read("RX_SIGNED_IN_LATELY", "300", env.whole(30, 3600, "seconds"))
RX_LOGIN_FAILURES = _read("RX_LOGIN_FAILURES", "5", env.whole(3, 100))
RX_LOGIN_PAUSE = _read("RX_LOGIN_PAUSE", "900", env.whole(60, _DAY, "seconds"))
RX_LOGIN_PER_ADDRESS = _read("RX_LOGIN_PER_ADDRESS", "30", env.whole(5, 10_000))
RX_PASSWORD_LENGTH = _read("RX_PASSWORD_LENGTH", "10", env.whole(8, 64, "characters"))
RX_PASSWORD_LINK_TTL = _read("RX_PASSWORD_LINK_TTL", "86400", env.whole(600, 7 * _DAY, "seconds"))
RX_BREACHED_PASSWORDS_URL = _read("RX_BREACHED_PASSWORDS_URL", "", env.web_address())
RX_TOKEN_DAYS = _read("RX_TOKEN_DAYS", "365", env.whole(1, 3650, "days"))
RX_OIDC_URL = _read("RX_OIDC_URL", "", env.web_address())
RX_OIDC_NAME = _read("RX_OIDC_NAME", "Single sign-on", env.text())
RX_OIDC_CLIENT_ID = _read("RX_OIDC_CLIENT_ID", "", env.text())
RX_OIDC_CLIENT_SECRET = _read("RX_OIDC_CLIENT_SECRET", "", env.text(secret=True))
RX_OIDC_GROUPS_CLAIM = _read("RX_OIDC_GROUPS_CLAIM", "groups", env.text("one word", r"[\w:/.-]+"))
RX_OIDC_GROUPS = _read("RX_OIDC_GROUPS", "", signing_in.groups())
RX_OIDC_SECOND_FACTOR = _read("RX_OIDC_SECOND_FACTOR", "here", env.choice("here", "provider"))
globals().update(signing_in.libraries(globals()))

# --- Transport: everything behind TLS is switched by the address people use -------------------------------------
_TLS = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _TLS
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, *_OF_PATHS, LANGUAGE_COOKIE_NAME = fixed.cookies(tls=_TLS)
RX_ORDER_COOKIE, RX_PHONE_COOKIE, RX_KNOWN_COOKIE = _OF_PATHS
LANGUAGE_COOKIE_SECURE = _TLS
SECURE_SSL_REDIRECT = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # the edge always sets it, clients cannot
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _TLS
# With "no-referrer" browsers send "Origin: null" with forms, which the CSRF check must refuse. Images are stricter.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Words and time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = _read("RX_TIME_ZONE", "UTC", kinds.time_zone())
USE_TZ = True
USE_I18N = True
RX_STAFF_LANGUAGES: tuple[str, ...] = fixed.STAFF_LANGUAGES
LOCALE_PATHS = [BASE_DIR / "prescriptions" / "languages" / whose for whose in ("customers", "staff")]

# --- Files ------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
# `npm ci` puts the viewer of the review page and the charts of the start page there. Without them the pages show plain
# images and tables.
_PACKAGES = BASE_DIR / "node_modules"
_FRONT = (("openseadragon", "openseadragon/build/openseadragon"), ("chart.js", "chart.js/dist"))
STATICFILES_DIRS = [(name, _PACKAGES / path) for name, path in _FRONT if (_PACKAGES / path).is_dir()]
# Served straight from the packages and this tree; without a collected copy nothing can be stale.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# The edge bounds the whole body; these bound what one form may ask of this process. Twice the files that are allowed,
# so that a few too many are told so in our words; for each order line its fields, and a checklist beside them.
DATA_UPLOAD_MAX_NUMBER_FILES = 2 * LIMITS.files
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4 * LIMITS.order_lines + 50
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# Larger ones wait in a file while they are checked: patient data, so best in memory.
RX_UPLOAD_DIR = _read("RX_UPLOAD_DIR", "", env.text("a directory"))
FILE_UPLOAD_TEMP_DIR = RX_UPLOAD_DIR or None
FILE_UPLOAD_HANDLERS = ["prescriptions.intake.multipart.AnyName"]

# --- S3: each process has its own identity; the bucket names are the same everywhere -----------------------------
_REGION = env.text("a region, such as eu-west-1", r"[a-z0-9-]+")
_BUCKET = env.text("3 to 63 lower-case letters, digits, dots and dashes", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
RX_S3_ENDPOINT = _read("RX_S3_ENDPOINT", "", env.origin())  # empty: AWS
RX_S3_REGION = _read("RX_S3_REGION", "us-east-1", _REGION)
RX_S3_CA_FILE = RX_CA_FILE if RX_S3_ENDPOINT else ""  # AWS has authorities of its own
RX_S3_ACCESS_KEY = _read("RX_S3_ACCESS_KEY", "", env.text(secret=True))  # empty: the SDK's own chain (roles)
RX_S3_SECRET_KEY = _read("RX_S3_SECRET_KEY", "", env.text(secret=True))
RX_ORIGINALS_BUCKET = _read("RX_ORIGINALS_BUCKET", "rx-originals", _BUCKET)
RX_VARIANTS_BUCKET = _read("RX_VARIANTS_BUCKET", "rx-variants", _BUCKET)

# The SDK's own time-outs are 60 s each and five tries. Four of ours and the pauses between them (at most 7 s) end
# before a lease: a worker must live to say that the storage, not the file, is to blame.
RX_S3_CONNECT_TIMEOUT = _read("RX_S3_CONNECT_TIMEOUT", "2", env.number(0.1, 60, "seconds"))
RX_S3_READ_TIMEOUT = _read("RX_S3_READ_TIMEOUT", "4", env.number(0.1, 60, "seconds"))
RX_S3_TRIES = _read("RX_S3_TRIES", "4", env.whole(1, 10))
RX_S3_CLIENT_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=RX_S3_CONNECT_TIMEOUT,
    read_timeout=RX_S3_READ_TIMEOUT,
    retries={"mode": "standard", "total_max_attempts": RX_S3_TRIES},
    max_pool_connections=64,
    s3={"addressing_style": "path" if RX_S3_ENDPOINT else "auto"},
    # A SHA-256 of our own goes with each put; a second checksum would cost a pass over the bytes.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
STORAGES = fixed.storages(globals(), config=RX_S3_CLIENT_CONFIG, ca_file=RX_S3_CA_FILE)

# --- The audit log: what signs it, and where its anchors lie for good -----------------------------------------------
RX_AUDIT_KEYS = _read("RX_AUDIT_KEYS", "", kinds.keyring())
RX_AUDIT_BUCKET = _read("RX_AUDIT_BUCKET", "rx-audit", _BUCKET)
RX_AUDIT_EVERY = _read("RX_AUDIT_EVERY", "300", env.whole(1, _DAY, "seconds"))
# Who looked by a link is read off the edges' access logs; and whose prescription it is may know who looked at it.
RX_ACCESS_LOGS = _read("RX_ACCESS_LOGS", "", kinds.edge_logs())
RX_ACCESS_LOGS_EVERY = _read("RX_ACCESS_LOGS_EVERY", "3600", env.number(1, _DAY, "seconds"))
RX_SHOW_LOOKS = _read("RX_SHOW_LOOKS", "on", env.flag())

# --- Figures: what a variant that was not made would have cost. docs/explanation/savings.md has the arithmetic. -------
_PRICES = "currency:USD,cpu_hour:0.05,put_thousand:0.005,gb_month:0.025"
RX_PRICES = _read("RX_PRICES", _PRICES, kinds.prices())

# --- Variants ---------------------------------------------------------------------------------------------------
RX_LINK_KEYS = _read("RX_LINK_KEYS", "", kinds.keyring())
RX_LINK_TTL = _read("RX_LINK_TTL", "3600", env.whole(1, 7 * _DAY, "seconds"))
RX_BACKEND = _read("RX_BACKEND", "celery", kinds.backend())
RX_FALLBACK_BACKEND = _read("RX_FALLBACK_BACKEND", "", kinds.backend())
# The address of the API's /render, and who calls it; without keys the SDK's own chain (roles) is asked.
RX_GATEWAY_URL = _read("RX_GATEWAY_URL", "", env.web_address())
RX_GATEWAY_REGION = _read("RX_GATEWAY_REGION", "", _REGION) or RX_S3_REGION
RX_GATEWAY_ACCESS_KEY = _read("RX_GATEWAY_ACCESS_KEY", "", env.text(secret=True))
RX_GATEWAY_SECRET_KEY = _read("RX_GATEWAY_SECRET_KEY", "", env.text(secret=True))
RX_GATEWAY_TIMEOUT = _read("RX_GATEWAY_TIMEOUT", "25", env.number(0.1, 29, "seconds"))
RX_LAMBDA_CONCURRENCY = _read("RX_LAMBDA_CONCURRENCY", "16", env.whole(1, 1000))
RX_LAMBDA_MEMORY_MB = _read("RX_LAMBDA_MEMORY_MB", "2048", env.whole(128, 10_240))
RX_IIIF_OVERSIZE = _read("RX_IIIF_OVERSIZE", "fit", env.choice("fit", "reject"))
RX_PDF_ENGINES = _read("RX_PDF_ENGINES", "pdfium,poppler", env.choices(*ENGINES))
# The edge ends a request that waits for more than 40 s.
RX_WAIT = _read("RX_WAIT", "10", env.number(0, 35, "seconds"))
RX_POLL = _read("RX_POLL", "1", env.number(0.01, 10, "seconds"))
RX_MAX_WAITERS = _read("RX_MAX_WAITERS", "256", env.whole(1, 100_000))
RX_QUEUE_LIMIT = _read("RX_QUEUE_LIMIT", "500", env.whole(1, 1_000_000))
RX_CLIENT_QUEUE = _read("RX_CLIENT_QUEUE", "200", env.whole(1, 1_000_000))
RX_WRONG_TRIES = _read("RX_WRONG_TRIES", "30", env.whole(1, 1_000_000))
RX_ORDER_UPLOADS = _read("RX_ORDER_UPLOADS", "10", env.whole(1, 10_000))
RX_ADMISSION = _read("RX_ADMISSION", "on", env.choice("on", "shadow"))
RX_LARGE_MEMORY_MB = _read("RX_LARGE_MEMORY_MB", "1536", env.whole(288, 1_000_000))
RX_LARGE_MEGAPIXELS = _read("RX_LARGE_MEGAPIXELS", "1300", env.whole(1, 1_000_000))

# --- Times that nest: Lambda < call to the gateway < lease, and sandbox < lease. ops/budgets.py looks.
RX_UPLOAD_WAIT = _read("RX_UPLOAD_WAIT", "30", env.number(1, 300, "seconds"))
RX_REPLAY_KEEP = _read("RX_REPLAY_KEEP", "86400", env.whole(3600, 90 * _DAY, "seconds"))
RX_VARIANT_LEASE = _read("RX_VARIANT_LEASE", "40", env.whole(1, 3600, "seconds"))
RX_VARIANT_ATTEMPTS = _read("RX_VARIANT_ATTEMPTS", "3", env.whole(1, 10))
RX_VARIANT_BACKOFF = _read("RX_VARIANT_BACKOFF", "1,4,16", env.numbers(0, 3600, "seconds"))
RX_VARIANT_PAUSE = _read("RX_VARIANT_PAUSE", "60", env.whole(1, _DAY, "seconds"))
RX_ERASURE_SETTLE = _read("RX_ERASURE_SETTLE", "15", env.whole(0, 3600, "seconds"))
RX_SWEEP_EVERY = _read("RX_SWEEP_EVERY", "5", env.number(0.1, 600, "seconds"))
RX_HOUSEKEEPING_EVERY = _read("RX_HOUSEKEEPING_EVERY", "15", env.number(0.1, 3600, "seconds"))
RX_WORKER_SILENCE = _read("RX_WORKER_SILENCE", "30", env.whole(1, 3600, "seconds"))
RX_LOG_AGES_EVERY = _read("RX_LOG_AGES_EVERY", "0", env.number(0, 3600, "seconds"))
RX_READY_KEEP = _read("RX_READY_KEEP", "1", env.number(0, 60, "seconds"))
RX_BREAKER_FAILURES = _read("RX_BREAKER_FAILURES", "5", env.whole(1, 10_000))
RX_BREAKER_WITHIN = _read("RX_BREAKER_WITHIN", "10", env.number(0.1, 600, "seconds"))
RX_BREAKER_PAUSE = _read("RX_BREAKER_PAUSE", "5", env.number(0, 600, "seconds"))

# --- Review -------------------------------------------------------------------------------------------------------
RX_REVIEW_LEASE = _read("RX_REVIEW_LEASE", "600", env.whole(1, _DAY, "seconds"))
RX_REVIEW_DUE = _read("RX_REVIEW_DUE", "1800", env.whole(1, 30 * _DAY, "seconds"))
RX_REVIEW_HOLDS = _read("RX_REVIEW_HOLDS", "10", env.whole(1, 1000, "prescriptions"))
RX_REVIEW_SKIP = _read("RX_REVIEW_SKIP", "900", env.whole(0, _DAY, "seconds"))
RX_REVIEW_UNDO = _read("RX_REVIEW_UNDO", "8", env.whole(0, 3600, "seconds"))  # until then nobody outside is told
RX_CLARIFICATION_WAIT = _read("RX_CLARIFICATION_WAIT", "172800", env.whole(1, 90 * _DAY, "seconds"))
# Lines of these drug schedules need a second pair of eyes.
_SOME_SCHEDULES = env.choices(*kinds.SCHEDULES, may_be_empty=True)
RX_SECOND_CHECK_SCHEDULES = _read("RX_SECOND_CHECK_SCHEDULES", "H1,X", _SOME_SCHEDULES)
# How long an approval is valid, in days from the date of the prescription, by drug schedule; `*` is for the rest.
RX_VALIDITY_DAYS = _read("RX_VALIDITY_DAYS", "*:180,H1:30,X:30", kinds.validity())
RX_PRESCRIBED_WITHIN = _read("RX_PRESCRIBED_WITHIN", "1826", env.whole(1, 9999, "days"))  # older: a slip
RX_DUPLICATE_DAYS = _read("RX_DUPLICATE_DAYS", "365", env.whole(0, 3650, "days"))  # how far back pages are compared

# --- Retention and erasure: docs/how-to/keep-and-erase.md has the law behind the days -------------------------------
_DAYS = "open:0-365,rejected:0-365,withdrawn:0-365,approved:730-730,approved/H1:1095-1095,approved/X:730-730"
RX_RETENTION = _read("RX_RETENTION", _DAYS, kinds.retention())
RX_RETENTION_JOB = _read("RX_RETENTION_JOB", "dry-run", env.choice("off", "dry-run", "on"))
RX_RETENTION_LIMIT = _read("RX_RETENTION_LIMIT", "2000", env.whole(1, 10_000))  # a night
RX_ERASURE_FOUR_EYES = _read("RX_ERASURE_FOUR_EYES", "off", env.flag())
RX_ERASURE_CONFIRM_WITHIN = _read("RX_ERASURE_CONFIRM_WITHIN", "259200", env.whole(60, 90 * _DAY, "seconds"))
RX_BACKUP_DAYS = _read("RX_BACKUP_DAYS", "35", env.whole(0, 3650, "days"))  # how long a back-up is kept
RX_STORE_COMPACT_URL = _read("RX_STORE_COMPACT_URL", "", env.origin())  # SeaweedFS's master; empty: none

# --- A robot that reviews, for whoever builds against the API: docs/how-to/sandbox.md ---------------------------------
RX_SANDBOX = _read("RX_SANDBOX", "off", env.flag())
_SANDBOX_EVERY = 2  # seconds

# --- Events: what clients are told ---------------------------------------------------------------------------------
RX_EVENTS_DAYS = _read("RX_EVENTS_DAYS", "30", env.whole(1, 365, "days"))
RX_WEBHOOK_ALLOW_PRIVATE = _read("RX_WEBHOOK_ALLOW_PRIVATE", "off", env.flag())
RX_WEBHOOK_TIMEOUT = _read("RX_WEBHOOK_TIMEOUT", "10", env.number(1, 20, "seconds"))
RX_WEBHOOK_BACKOFF = _read("RX_WEBHOOK_BACKOFF", "5,30,120,600,1800,3600,7200", env.numbers(0, _DAY, "seconds"))
RX_WEBHOOK_GIVE_UP = _read("RX_WEBHOOK_GIVE_UP", "259200", env.whole(60, 30 * _DAY, "seconds"))
RX_WEBHOOK_OVERLAP = _read("RX_WEBHOOK_OVERLAP", "86400", env.whole(0, 30 * _DAY, "seconds"))

# --- Celery: a message is acknowledged when its task begins; the lease in the row decides --------------------------
RX_REDIS_URL = _read("RX_REDIS_URL", "redis://127.0.0.1:6379/0", env.redis_address(RX_CA_FILE))
CELERY_BROKER_URL = RX_REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Who takes messages waits at the broker, which gives one at once; so often it asks again while there is none (seconds).
_ASK_AGAIN = {"polling_interval": 5} if RX_ROLE in ("worker", "beat") else {}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **_ASK_AGAIN,
    "priority_steps": [0],  # no message has another: one list for each queue, not four
    # kombu looks for lost messages every interval x throttle seconds. Only a worker that was killed loses any: what it
    # had taken and not begun.
    "visibility_timeout": 120,
    "unacked_restore_interval": 20,
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
CELERY_TASK_DEFAULT_QUEUE = "images"
CELERY_TASK_ROUTES = {
    f"prescriptions.tasks.{name}": {"queue": "control"}
    for name in (
        *("sweep", "erase", "tidy", "review_housekeeping", "anchor_audit", "tell_ages"),
        *("reconcile_nightly", "retain_nightly", "read_edge_logs", "deliver_events", "play_sandbox", "roll_up"),
    )
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# The last resort (rxproject/watch.py): longer than the two calls to S3 and the render that a task consists of.
TASK_SECONDS = 90
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False


CELERY_BEAT_SCHEDULE = {
    # One that nobody took is worthless when the next one comes.
    "sweep": every(RX_SWEEP_EVERY, "prescriptions.tasks.sweep", WhileBusy),
    "erase": every(RX_SWEEP_EVERY, "prescriptions.tasks.erase", WhileBusy),
    "events": every(RX_SWEEP_EVERY, "prescriptions.tasks.deliver_events", WhileTelling),
    "tidy": every(12 * RX_SWEEP_EVERY, "prescriptions.tasks.tidy"),
    "reviews": every(RX_HOUSEKEEPING_EVERY, "prescriptions.tasks.review_housekeeping"),
    "audit": every(RX_AUDIT_EVERY, "prescriptions.tasks.anchor_audit"),
    "figures": every(12 * RX_SWEEP_EVERY, "prescriptions.tasks.roll_up"),
    "edge-logs": every(RX_ACCESS_LOGS_EVERY, "prescriptions.tasks.read_edge_logs"),
    **({"ages": every(RX_LOG_AGES_EVERY, "prescriptions.tasks.tell_ages")} if RX_LOG_AGES_EVERY else {}),
    **({"sandbox": every(_SANDBOX_EVERY, "prescriptions.tasks.play_sandbox")} if RX_SANDBOX else {}),
    "reconcile": {"task": "prescriptions.tasks.reconcile_nightly", "schedule": crontab(hour=3, minute=17)},
    "retention": {"task": "prescriptions.tasks.retain_nightly", "schedule": crontab(hour=1, minute=47)},
}

# --- Logs: one JSON line per event, a request id from the edge to the worker, no patient data ---------------------
RX_TRACES_URL = _read("RX_TRACES_URL", "", env.web_address())  # OTLP over HTTP; empty: no traces
RX_TRACES_SHARE = _read("RX_TRACES_SHARE", "1", env.number(0, 1))
RX_SENTRY_DSN = _read("RX_SENTRY_DSN", "", kinds.dsn())
_CONTACT = env.text("mailto: or https:", r"(?:mailto:|https://)[\x21-\x7e]+")
RX_SECURITY_CONTACT = _read("RX_SECURITY_CONTACT", "", _CONTACT)
RX_LOG_LEVEL = _read("RX_LOG_LEVEL", "INFO", env.choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING = fixed.logging(RX_LOG_LEVEL)
