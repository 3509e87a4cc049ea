"""How the log is written: one JSON line per event, facts as fields, nobody's personal data.

The last guard, not the first: callers write identifiers. What slips through under a known name is dropped,
and of a fault only its place and its kind are kept, because messages of faults quote values.
"""

from __future__ import annotations

import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

# Names of facts that are about a human being or open a door. Compared without case and underscores.
PERSONAL = frozenset(
    name.replace("_", "")
    for name in (
        "name", "full_name", "family_name", "given_names", "first_name", "last_name", "surname",
        "username", "user", "actor", "actor_label", "label", "email", "e_mail", "mail", "phone", "address",
        "birth_date", "date_of_birth", "gender", "citizenship", "citizenships", "identity_code",
        "learner_number", "student_number", "national_id", "esi", "esis", "person", "student", "ip",
        "ip_address", "remote_addr", "client", "request", "body", "post", "params", "sql", "row", "values",
        "password", "token", "secret", "key", "keys", "cookie", "cookies", "session", "authorization",
        "document", "line", "cell", "value",
    )
)  # fmt: skip
_DROPPED = "(not logged)"


def _is_personal(name: str) -> bool:
    return name.lower().replace("_", "").replace("-", "") in PERSONAL


def drop_personal(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replaces facts about people by a note that there was one, also inside mappings."""
    for name in list(event):
        if name.startswith("_"):
            continue
        event[name] = _DROPPED if _is_personal(name) else _without_personal(event[name])
    return event


def _without_personal(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _DROPPED if _is_personal(str(name)) else _without_personal(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_personal(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    # An object speaks of itself in words we cannot know; its kind is enough.
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def place_of_fault(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Makes of an exception its kinds and places; the message is kept only where it cannot quote values."""
    about = event.pop("exc_info", None)
    event.pop("exception", None)
    event.pop("stack_info", None)
    if not isinstance(about, tuple) or about[1] is None:
        return event
    fault: BaseException | None = about[1]
    chain: list[dict[str, Any]] = []
    while fault is not None and len(chain) < 5:
        frames = traceback.extract_tb(fault.__traceback__)[-25:]
        chain.append(
            {
                "kind": f"{type(fault).__module__}.{type(fault).__qualname__}",
                "says": _harmless(fault),
                "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    event["fault"] = chain
    return event


def _harmless(fault: BaseException) -> str:
    """The part of the message that speaks of the program and not of its data."""
    if code := getattr(fault, "code", None):
        return str(code) if isinstance(code, str | int) else ""
    if isinstance(fault, ImportError | NotImplementedError | RecursionError | MemoryError):
        return str(fault)
    if isinstance(fault, OSError):
        return fault.strerror or ""
    if isinstance(fault, AttributeError | NameError):
        return str(fault.name or "")
    # Databases name table and constraint in the first line and quote the row in those below.
    if any(kind.__module__ in {"django.db.utils", "sqlite3"} for kind in type(fault).__mro__):
        return str(fault).partition("\n")[0]
    return ""


def constant_message(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Libraries fill values into their messages; of theirs only the pattern is kept."""
    event.pop("message", None)  # the filled one, which another handler left on the record
    record = event.get("_record")
    if record is not None and not record.name.startswith("vaihto"):
        event["event"] = str(record.msg)
    return event


def configuration(level: str, *, whole_faults: bool = False) -> dict[str, Any]:
    """The logging set-up; `whole_faults` keeps messages and traces, for development only."""
    shape: list[Any] = (
        [structlog.processors.format_exc_info] if whole_faults else [place_of_fault, drop_personal]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.ExtraAdder(),
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    constant_message,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *shape,
                    structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Its lines repeat ours and carry the whole address with the query.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "ERROR", "propagate": True, "handlers": []},
            "django.security.DisallowedHost": {"level": "ERROR"},
            "axes": {"level": "WARNING"},
            "django_tasks": {"level": "WARNING"},
            "django_tasks_db": {"level": "ERROR"},
        },
    }
