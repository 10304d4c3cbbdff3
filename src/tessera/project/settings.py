"""Django's settings, derived from ours. Only the console and the command line load Django; collect never does."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tessera.foundation.database import dsn
from tessera.foundation.secrets import secret
from tessera.foundation.settings import settings
from tessera.project.catalogs import compiled
from tessera.project.reactions import register as register_reactions

HERE = Path(__file__).parent
SECRET_KEY = secret("console")
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tessera.project.urls"
WSGI_APPLICATION = "tessera.project.wsgi.application"
AUTH_USER_MODEL = "access.Account"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000  # a picture by the API (2 MB) is a request's whole body

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "django_htmx",
    "procrastinate.contrib.django",  # for its migrations
    "tessera.access",
    "tessera.workspaces",
    "tessera.events",
    "tessera.identity",
    "tessera.profiles",
    "tessera.privacy",
    "tessera.duplicates",
    "tessera.imports",
    "tessera.exports",
    "tessera.audience",
    "tessera.deliveries",
    "tessera.console",
]

MIDDLEWARE = [
    "tessera.console.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tessera.console.admission.StaffOnly",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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
                "tessera.console.navigation.console",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "tessera.console.templatetags.console",
                "tessera.console.templatetags.parts",
            ],
        },
    }
]


def _database() -> dict[str, object]:
    """libpq reads the whole address from `service`-free conninfo, so no part of it is parsed twice."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(dsn())
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    database: dict[str, object] = {name: str(parts.pop(key, "") or "") for key, name in known.items()}
    return database | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**parts, "application_name": "tessera console"},
    }


DATABASES = {"default": _database()}
PASSWORD_HASHERS = ["tessera.access.passwords.TunedArgon2Hasher"]
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""  # our tasks are found by name (tessera.project.tasks)
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("ru", "Русский"), ("th", "ไทย")]
LOCALE_PATHS = [str(compiled(HERE.parent / "locale", settings().home / "locale"))]
STATIC_URL = "/static/"
STATIC_ROOT = str(settings().home / "static")

# The console's door. Its cookies have names of their own: other doors of this host must not be opened by them.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "tessera.console.admission.StaffBackend"]
LOGIN_URL = "console:login"
LOGIN_REDIRECT_URL = "console:home"
_CONSOLE = urlsplit(settings().public_console_url)
SECURE = _CONSOLE.scheme == "https"
SESSION_COOKIE_NAME = "tessera_console"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_NAME = "tessera_console_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE
CSRF_TRUSTED_ORIGINS = [f"{_CONSOLE.scheme}://{_CONSOLE.netloc}"]
CSRF_FAILURE_VIEW = "tessera.console.views.errors.forbidden"
LANGUAGE_COOKIE_NAME = "tessera_language"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if settings().trusted_proxies:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Five failures of one e-mail from one address, then a quarter of an hour; `throttle` adds a limit per address alone.
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "tessera.console.throttle.client_address"
AXES_LOCKOUT_CALLABLE = "tessera.console.views.entrance.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # log-ins are in the audit trail
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# A client's mistake is the client's to read: paths and hosts of refused requests do not belong in our logs.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
        "axes": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
    },
}

# Whoever loads Django may act on events (a screen that changes a person does), so reactions are known from here on.
register_reactions()
