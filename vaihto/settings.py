"""Django's settings, all of them made from the environment table and safe without it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from vaihto import environment, logs

ENVIRONMENT = environment.read()
ROOT = environment.ROOT
PACKAGE = Path(__file__).resolve().parent
DATA: Path = ENVIRONMENT["VAIHTO_DATA"]

DEBUG: bool = ENVIRONMENT["VAIHTO_DEBUG"]
DEMO: bool = ENVIRONMENT["VAIHTO_DEMO"]
LOCAL_ACCOUNTS: bool = ENVIRONMENT["VAIHTO_LOCAL_ACCOUNTS"]
PUBLIC_URL: str = ENVIRONMENT["VAIHTO_PUBLIC_URL"]
SCHEMAS: Path | None = environment.schemas_folder()
BEHIND_PROXY: bool = ENVIRONMENT["VAIHTO_BEHIND_PROXY"]
WEB_WORKERS: int = ENVIRONMENT["VAIHTO_WORKERS"]
METRICS_TOKEN: str = ENVIRONMENT["VAIHTO_METRICS_TOKEN"]


def _kept_secret(name: str) -> str:
    """A secret made at the first start and kept in the data folder, readable by its owner only."""
    try:
        return _kept(DATA / name)
    except OSError as error:
        raise environment.Malformed(
            f"VAIHTO_DATA: the folder {DATA} cannot be used ({error.strerror}). "
            "Make it a folder that this user may write into."
        ) from error


def _kept(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        pass
    DATA.mkdir(parents=True, exist_ok=True, mode=0o750)
    value = secrets.token_urlsafe(48)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text("utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as kept:
        kept.write(value)
    return value


SECRET_KEY: str = ENVIRONMENT["VAIHTO_SECRET_KEY"] or _kept_secret("secret-key")
FIELD_KEYS: list[str] = ENVIRONMENT["VAIHTO_FIELD_KEYS"] or [_kept_secret("field-key")]

_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS: list[str] = [
    *(host for host in (_public.hostname,) if host),
    *ENVIRONMENT["VAIHTO_ALLOWED_HOSTS"],
    *(("127.0.0.1", "localhost") if _public.scheme == "http" else ()),
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
FORCE_SCRIPT_NAME = _public.path or None
_secure = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# Browsers keep cookies by host, not by port: two installations on one host would sign each other's people out.
_port = f"-{_public.port}" if _public.port else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"sessionid{_port}", f"csrftoken{_port}"
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_SSL_REDIRECT = _secure and not BEHIND_PROXY
# Asked from inside by whoever watches the machine; they carry nothing that needs hiding on that way.
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _secure
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "axes",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "vaihto.journal",
    "vaihto.jobs",
    "vaihto.institutions",
    "vaihto.people",
    "vaihto.agreements",
    "vaihto.offers",
    "vaihto.mobilities",
    "vaihto.transcripts",
    "vaihto.channels",
    "vaihto.classification",
    "vaihto.virta",
    "vaihto.imports",
    "vaihto.ewp",
    "vaihto.observatory",
    "vaihto.web",
    "vaihto.demo",
    "vaihto.command",
]

MIDDLEWARE = [
    "vaihto.web.operations.requests.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "vaihto.web.middleware.ActorMiddleware",
    "vaihto.web.middleware.RefusalMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "vaihto.urls"
WSGI_APPLICATION = "vaihto.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vaihto.web.frame.frame",
            ],
        },
    },
]

DATABASES = {"default": environment.database(ENVIRONMENT["VAIHTO_DATABASE_URL"], DATA)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    try:
        Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise environment.Malformed(
            f"VAIHTO_DATABASE_URL: the folder of {DATABASES['default']['NAME']} cannot be made ({error.strerror})."
        ) from error
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.Account"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "web:sign-in"
LOGIN_REDIRECT_URL = "web:turn"
LOGOUT_REDIRECT_URL = "web:sign-in"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "web/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "vaihto.web.operations.requests.address_of"
AXES_SENSITIVE_PARAMETERS = ["username", "password"]
AXES_VERBOSE = False

LANGUAGE_CODE = ENVIRONMENT["VAIHTO_LANGUAGE"]
LANGUAGES = [("en", _("English")), ("fi", _("Finnish")), ("sv", _("Swedish"))]
LOCALE_PATHS = [PACKAGE / "locale"]
TIME_ZONE = ENVIRONMENT["VAIHTO_TIME_ZONE"]
USE_TZ = True
FORMAT_MODULE_PATH = ["vaihto.web.formats"]

STATIC_URL = f"{_public.path}/static/"
STATIC_ROOT = DATA / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA / "files"},
    },
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
UPLOAD_LIMIT_BYTES = ENVIRONMENT["VAIHTO_UPLOAD_LIMIT_MB"] * 1024 * 1024
XLSX_LIMIT_BYTES = ENVIRONMENT["VAIHTO_XLSX_LIMIT_MB"] * 1024 * 1024
# Kinds of file that other rooms bring; each is an object as `imports.kinds.Kind` describes.
IMPORT_KINDS = ["vaihto.virta.arrival.KIND"]

_broker: str = "" if ENVIRONMENT["VAIHTO_TASKS"] == "database" else ENVIRONMENT["VAIHTO_TASKS"]
TASKS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django_tasks_rq.RQBackend" if _broker else "django_tasks_db.DatabaseBackend",
        "QUEUES": [],
        "ENQUEUE_ON_COMMIT": bool(_broker),
    }
}
if _broker:
    INSTALLED_APPS += ["django_rq"]
    MIGRATION_MODULES = {
        "django_rq": None
    }  # it has one model without a table, for an admin we do not have
    RQ_QUEUES = {
        "default": {
            "URL": environment.with_limits(_broker),
            "DEFAULT_TIMEOUT": -1,  # an import may take an hour
            "DEFAULT_RESULT_TTL": 60,
            # Its other way of writing a task down would let whoever writes into Redis run code here.
            "SERIALIZER": "rq.serializers.JSONSerializer",
        }
    }
_mail: str = ENVIRONMENT["VAIHTO_MAIL_URL"]
SENDS_MAIL: bool = bool(_mail) or DEMO or DEBUG
globals().update(environment.mail(_mail, DATA))
DEFAULT_FROM_EMAIL: str = ENVIRONMENT["VAIHTO_MAIL_FROM"] or f"no-reply@{_public.hostname}"
SENDING_THREADS: int = ENVIRONMENT["VAIHTO_SENDING_THREADS"]
NOTIFICATION_HOURS: int = ENVIRONMENT["VAIHTO_NOTIFICATION_HOURS"]
CATALOGUE_URL: str = ENVIRONMENT["VAIHTO_CATALOGUE_URL"]
CATALOGUE_REMEMBERED_SECONDS = 2.0  # how long a process relies on answers before it looks again
CA_FILE: Path | None = ENVIRONMENT["VAIHTO_CA_FILE"]
ALLOW_PRIVATE_ADDRESSES: bool = ENVIRONMENT["VAIHTO_ALLOW_PRIVATE_ADDRESSES"]
EWP_ADMIN_EMAILS: list[str] = ENVIRONMENT["VAIHTO_EWP_ADMIN_EMAILS"]
EWP_PROVIDER: str = ENVIRONMENT["VAIHTO_EWP_PROVIDER"]
EWP_VALIDATE: bool = ENVIRONMENT["VAIHTO_EWP_VALIDATE"]
EWP_ANSWER_LIMIT_BYTES = ENVIRONMENT["VAIHTO_EWP_ANSWER_LIMIT_MB"] * 1024 * 1024
EWP_KEYS_REMEMBERED_SECONDS = 2.0  # how long a process relies on the keys and institutions it read
EWP_KEEP_DAYS: int = ENVIRONMENT["VAIHTO_EWP_KEEP_DAYS"]
EWP_CALLS_PER_SECOND: int = ENVIRONMENT["VAIHTO_EWP_CALLS_PER_SECOND"]
EWP_BODY_SECONDS = 15.0  # so long a partner may take to send a request whose head has come
EWP_KEEP_IN_BATCHES = True  # readings are written down after their answer, many at once

LOGGING = logs.configuration(ENVIRONMENT["VAIHTO_LOG_LEVEL"], whole_faults=DEBUG)
LOGGING_CONFIG = "logging.config.dictConfig"
# Said once and in our words by vaihto.E102, done by the proxy, or a decision about the whole domain (preload).
SILENCED_SYSTEM_CHECKS: list[str] = ["security.W008", "security.W021"]
if not _secure:
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W012", "security.W016"]
