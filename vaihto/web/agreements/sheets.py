"""What institutions tell about coming to them: the half of an agreement's form that nobody approves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import formats, translation
from django.utils.translation import gettext as _

from vaihto.agreements.models import Agreement
from vaihto.ewp.apis.institutions import FACTSHEET
from vaihto.ewp.partners import partner_copy
from vaihto.institutions.models import Factsheet, Institution
from vaihto.institutions.queries import factsheet_of
from vaihto.web.wording import shown

DEADLINES = (
    "nominations_autumn",
    "nominations_spring",
    "applications_autumn",
    "applications_spring",
)
PIECES = ("application", "housing", "visa", "insurance")


def sheet_words() -> dict[str, str]:
    """The lines of a factsheet in words, in their order."""
    return {
        "nominations_autumn": _("Nominations for autumn until"),
        "nominations_spring": _("Nominations for spring until"),
        "applications_autumn": _("Applications for autumn until"),
        "applications_spring": _("Applications for spring until"),
        "decision_weeks": _("Weeks until applications are decided"),
        "transcript_weeks": _("Weeks until transcripts are sent"),
        "application": _("Applications"),
        "housing": _("Housing"),
        "visa": _("Visa and residence permit"),
        "insurance": _("Insurance"),
        "requirements": _("What applicants must hand in or know"),
    }


@dataclass(frozen=True)
class Sheet:
    """One side's factsheet, whoever keeps it; `facts` is ours or a partner's message, None when there is none."""

    facts: Any
    origin: str


def sheet_of(institution: Institution) -> Sheet:
    """What the institution tells, from here or from the network."""
    kept = Factsheet.objects.filter(institution=institution).first()
    if kept is not None:
        return Sheet(factsheet_of(kept), _("kept here"))
    told = partner_copy(institution.hei_id, FACTSHEET)
    if told is None or told.message is None or not told.message.factsheets:
        return Sheet(None, "")
    own = [one for one in told.message.factsheets if one.hei_id == institution.hei_id]
    age = _("as published on %(day)s") % {"day": shown(told.fetched_at)} if told.fetched_at else ""
    return Sheet((own or list(told.message.factsheets))[0], age)


def _day(text: str) -> str:
    """A day of every year, MM-DD or --MM-DD, in the reader's form without a year."""
    parts = text.replace("--", "").split("-")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        return text
    try:
        day = date(2000, int(parts[0]), int(parts[1]))
    except ValueError:
        return text
    return str(formats.date_format(day, "MONTH_DAY_FORMAT"))


def contact_parts(piece: Any) -> tuple[str, str, list[str]]:
    """E-mail address, telephone and pages of a piece of information."""
    links = [
        link.url if hasattr(link, "url") else str(link[-1])
        for link in (getattr(piece, "websites", None) or ())
    ]
    phone = str(getattr(piece, "phone", "") or "")
    return getattr(piece, "email", "") or "", phone, links


def requirements_of(facts: Any) -> str:
    """What applicants must hand in or know, on one line."""
    return "; ".join(
        f"{one.name}: {one.details}" if one.details else one.name for one in facts.requirements
    )


def _plain(name: str, facts: Any) -> str:
    if name in DEADLINES:
        return _day(getattr(facts, name) or "")
    if name in PIECES:
        email, phone, links = contact_parts(getattr(facts, name))
        return ", ".join(filter(None, (email, phone, *links)))
    if name == "requirements":
        return requirements_of(facts)
    value = getattr(facts, name)
    return "" if value is None else str(value)


def general_rows(one: Agreement, *, language: str) -> list[tuple[str, str, str]]:
    """Label, ours and the partner's for the paper; lines of which neither says anything are left out."""
    sheets = sheet_of(one.institution), sheet_of(one.partner)
    with translation.override(language):
        rows = []
        for name, word in sheet_words().items():
            ours, theirs = (_plain(name, sheet.facts) if sheet.facts else "" for sheet in sheets)
            rows.append((word, ours, theirs))
    return [row for row in rows if row[1] or row[2]]
