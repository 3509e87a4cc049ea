"""Says in one line what a test run on this machine leaves out."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The browser of the browser tests, where there is one."""
    return next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)


def left_out(kind: str) -> list[str]:
    """What is absent, and what for."""
    absent: list[str] = []
    if chromium() is None:
        absent.append("browser tests (no Chromium)")
    elif kind != "browser":
        absent.append("browser tests (`make browser`)")
    if kind == "browser":
        return absent if chromium() is None else []
    if not os.environ.get("VAIHTO_DATABASE_URL", "").startswith("postgres"):
        absent.append("PostgreSQL (tests/postgres.py runs them there)")
    if shutil.which("redis-server") is None:
        absent.append("Redis (no redis-server)")
    named = os.environ.get("VAIHTO_SCHEMAS")
    schemas = Path(named) if named else Path(__file__).parents[2] / "shared" / "schemas"
    if not schemas.is_dir():
        absent.append("official schemas (none installed)")
    if not (Path(__file__).parents[2] / "shared" / "contracts").is_dir():
        absent.append("shared contracts (no ../shared)")
    if shutil.which("java") is None:
        absent.append("Spark (no Java)")
    return absent


if __name__ == "__main__":
    absent = left_out(sys.argv[1] if len(sys.argv) > 1 else "")
    if absent:
        print(f"Left out here: {', '.join(absent)}.")
