"""What the network's pages share: who may look, the row of tabs, and the network's words for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.ewp.explained import Explained
from vaihto.ewp.models import Exchange
from vaihto.ewp.outcomes import filled
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed
from vaihto.web import components
from vaihto.web.components import Tab, Tone, number


def works(actor: Actor) -> bool:
    """Everybody with a role, and operators."""
    return bool(actor.grants) or actor.is_operator


def require_works(actor: Actor) -> None:
    """Refuses those without any role."""
    if not works(actor):
        raise NotAllowed("not-allowed")


def sees_log(actor: Actor) -> bool:
    """Who finds exchanges at all: operators, and offices those of their institution."""
    return actor.is_operator or actor.has(May.AGREEMENTS_READ)


def keeps(actor: Actor) -> bool:
    """Who may send again, test and read contents somewhere: operators, and who keeps an institution."""
    return actor.is_operator or actor.has(May.INSTITUTIONS_EDIT)


def require_operator(actor: Actor) -> None:
    """Refuses everybody else."""
    if not actor.is_operator:
        raise NotAllowed("operators-only")


def tabs(actor: Actor, current: str) -> str:
    """The pages about the network that this reader may open."""
    found = [
        ("partners", _("Partners"), "network:partners", True),
        ("exchanges", _("Exchanges"), "network:exchanges", sees_log(actor)),
        ("notifications", _("Notifications"), "network:notifications", sees_log(actor)),
        ("matrix", _("Who can do what"), "network:matrices", _sees_matrix(actor)),
        ("node", _("Own node"), "network:node", actor.is_operator),
    ]
    return components.tabs(
        [Tab(word, reverse(name), key == current) for key, word, name, seen in found if seen],
        label=_("Pages about the network"),
    )


def _sees_matrix(actor: Actor) -> bool:
    return actor.is_operator or actor.has(May.ALLIANCE_READ)


# Words -----------------------------------------------------------------------------------------

APIS: dict[str, Any] = {
    "discovery": gettext_lazy("Manifest"),
    "echo": gettext_lazy("Echo"),
    "registry": gettext_lazy("Registry"),
    "monitoring": gettext_lazy("Reports to the network"),
    "institutions": gettext_lazy("Institution data"),
    "organizational-units": gettext_lazy("Units"),
    "factsheet": gettext_lazy("Factsheet"),
    "courses": gettext_lazy("Courses"),
    "simple-course-replication": gettext_lazy("List of courses"),
    "file": gettext_lazy("Files"),
    "iias": gettext_lazy("Agreements"),
    "iias-approval": gettext_lazy("Approvals of agreements"),
    "iia-cnr": gettext_lazy("Word of agreements"),
    "iia-approval-cnr": gettext_lazy("Word of approvals"),
    "omobilities": gettext_lazy("Nominations"),
    "omobility-cnr": gettext_lazy("Word of nominations"),
    "omobility-las": gettext_lazy("Learning agreements"),
    "omobility-la-cnr": gettext_lazy("Word of learning agreements"),
    "imobilities": gettext_lazy("Arrivals"),
    "imobility-cnr": gettext_lazy("Word of arrivals"),
    "imobility-tors": gettext_lazy("Transcripts"),
    "imobility-tor-cnr": gettext_lazy("Word of transcripts"),
    "staff": gettext_lazy("Staff mobility"),
}
_BLAMES: dict[str, tuple[Any, Tone]] = {
    Exchange.Blame.OURS: (gettext_lazy("ours"), "bad"),
    Exchange.Blame.THEIRS: (gettext_lazy("the partner's"), "warn"),
    Exchange.Blame.NETWORK: (gettext_lazy("the network's"), "info"),
}
_FAULTS: dict[str, Any] = {
    Exchange.Blame.OURS: gettext_lazy("our fault"),
    Exchange.Blame.THEIRS: gettext_lazy("the partner's fault"),
    Exchange.Blame.NETWORK: gettext_lazy("the network's fault"),
}
_DIRECTIONS: dict[str, Any] = {
    Notification.Direction.OUT: gettext_lazy("to the partner"),
    Notification.Direction.IN: gettext_lazy("from the partner"),
    Notification.Direction.PULL: gettext_lazy("asked by ourselves"),
}


def api_word(element: str) -> str:
    """An API in words; one without words by its name."""
    return str(APIS.get(element) or element)


def blame_badge(blame: str) -> tuple[str, Tone]:
    """Whose fault, and the colour."""
    word, tone = _BLAMES.get(blame, (_("nobody's"), "plain"))
    return str(word), tone


def fault_words(blame: str) -> str:
    """Whose fault, as part of a sentence."""
    return str(_FAULTS.get(blame, _("nobody's fault")))


def direction_word(direction: str) -> str:
    """Which way a notification or an exchange went."""
    return str(_DIRECTIONS.get(direction, direction))


# What the other side wrote to our developers: it may name somebody, so only those see it who may read contents.
_QUOTED = ("message", "said")


def sentence(told: Explained, *, quoting: bool = False) -> str:
    """What happened, in the reader's language, with its facts; what the partner wrote only when `quoting`."""
    if not told.sentence:
        return ""
    if quoting or not any(name in told.facts for name in _QUOTED):
        return filled(_(told.sentence), told.facts)
    hidden = filled(_(told.sentence), {**told.facts, **dict.fromkeys(_QUOTED, "…")})
    return f"{hidden.removesuffix(': …')}." if hidden.endswith(": …") else hidden


def remedy(told: Explained) -> str:
    """What to do, in the reader's language, with its facts."""
    return filled(_(told.remedy), told.facts) if told.remedy else ""


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in its largest unit; nothing for never."""
    if moment is None:
        return ""
    if abs((now - moment).total_seconds()) < 60:
        return _("just now")
    if moment > now:
        return _("in %(time)s") % {"time": timesince(now, moment, depth=1)}
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}


def moment(at: datetime) -> str:
    """A moment to the second in the installation's time zone, as logs are compared."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def took(milliseconds: int) -> str:
    """How long something took."""
    return _("%(number)s\N{NO-BREAK SPACE}ms") % {"number": number(milliseconds)}


# Pieces ----------------------------------------------------------------------------------------


def code_lines(lines: Iterable[str]) -> SafeString:
    """Technical texts, one below the other."""
    items = format_html_join("", "<li><code>{}</code></li>", ((line,) for line in lines))
    return format_html('<ul class="code-lines">{}</ul>', items)


def document(text: str, *, label: str) -> SafeString:
    """A technical text as it stands, scrolling in its own frame."""
    return format_html(
        '<pre class="document" tabindex="0" role="region" aria-label="{}">{}</pre>', label, text
    )


def lines(parts: Iterable[str]) -> SafeString:
    """Texts one below the other; addresses of pages and of mail as links."""
    linked = ((_linked(part),) for part in parts if part)
    return format_html_join(SafeString("<br>"), "{}", linked)


_ADDRESS = re.compile(r"https?://[^\s<>()]+|[\w.+-]+@[\w-]+\.[\w.-]+\w")


def _linked(text: str) -> SafeString:
    made: list[SafeString] = []
    at = 0
    for found in _ADDRESS.finditer(text):
        made.append(format_html("{}", text[at : found.start()]))
        href = found[0] if "://" in found[0] else f"mailto:{found[0]}"
        made.append(format_html('<a href="{}" rel="noreferrer">{}</a>', href, found[0]))
        at = found.end()
    return format_html("{}{}", SafeString("").join(made), text[at:])


def links(pairs: Iterable[tuple[str, str]]) -> SafeString:
    """Links side by side: word and address."""
    return format_html_join(" · ", '<a href="{}">{}</a>', ((href, word) for word, href in pairs))
