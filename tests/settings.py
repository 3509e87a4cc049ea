"""Settings of a test run: its own data folder, its own keys, fast passwords, files served unbuilt.

Only two settings of the caller are respected: which database, and where the official schemas lie.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_KEPT = {"VAIHTO_DATABASE_URL", "VAIHTO_SCHEMAS"}
for _name in [name for name in os.environ if name.startswith("VAIHTO_") and name not in _KEPT]:
    del os.environ[_name]

_folder = tempfile.mkdtemp(prefix="vaihto-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ |= {
    "VAIHTO_DATA": _folder,
    "VAIHTO_SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests-00000",
    "VAIHTO_FIELD_KEYS": "the-newest-test-key",
    "VAIHTO_LOG_LEVEL": "WARNING",
    "VAIHTO_EWP_VALIDATE": "yes",
    "VAIHTO_MAIL_URL": "file:",
}

from vaihto.settings import *  # noqa: E402, F403
from vaihto.settings import DATABASES, INSTALLED_APPS, STORAGES  # noqa: E402

INSTALLED_APPS = ["tests.emptying", *INSTALLED_APPS]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
EWP_KEYS_REMEMBERED_SECONDS = 0.0  # every test has keys of its own
EWP_KEEP_IN_BATCHES = False  # no thread writes beside a test
CATALOGUE_REMEMBERED_SECONDS = 0.0  # a test may write rows of the catalogue itself

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file and not memory: threads of a live server then have connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_folder) / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
