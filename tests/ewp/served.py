"""Settings of a server process that serves the database of a running test: `VAIHTO_DATABASE_URL` names it."""

import os

from tests.settings import *  # noqa: F403

PUBLIC_URL = os.environ["SERVED_PUBLIC_URL"]
CATALOGUE_URL = os.environ["SERVED_CATALOGUE_URL"]
# Else a thread of the server would write beside the next test, or beside the emptying of its tables.
EWP_KEEP_IN_BATCHES = os.environ.get("SERVED_KEEP_IN_BATCHES") == "yes"
EWP_CALLS_PER_SECOND = int(os.environ.get("SERVED_CALLS_PER_SECOND", "0"))
EWP_BODY_SECONDS = float(os.environ.get("SERVED_BODY_SECONDS", "15"))
