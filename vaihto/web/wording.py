"""Refusals and choices in the reader's language.

The rooms below hold English sentences and labels, marked for the translators; here they are translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import models
from django.utils import formats, timezone
from django.utils.translation import gettext

from vaihto.refusals import Refusal
from vaihto.wording import mark as _


@dataclass(frozen=True)
class Told:
    """What a person reads of a refusal."""

    sentence: str
    remedy: str = ""


def sentence_of(refusal: Refusal) -> Told:
    """The sentence and the remedy in the active language, with the facts in them."""
    return told(refusal.sentence, refusal.remedy, refusal.facts)


def told(sentence: str, remedy: str, facts: Mapping[str, object]) -> Told:
    """The same for a refusal that was stored as values."""
    return Told(filled(sentence, facts), filled(remedy, facts))


def filled(sentence: str, facts: Mapping[str, object]) -> str:
    """A marked sentence, translated, with its named values; unfilled when a value is absent."""
    text = gettext(sentence) if sentence else ""
    try:
        return text % {name: shown(value) for name, value in facts.items()}
    except (KeyError, TypeError, ValueError):
        return text


def shown(value: object) -> str:
    """A value as people read it: days and numbers by language, lists with commas, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return formats.date_format(local, "SHORT_DATETIME_FORMAT")
    if isinstance(value, date):
        return formats.date_format(value, "SHORT_DATE_FORMAT")
    if isinstance(value, int | float | Decimal):
        return formats.localize(value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(shown(each) for each in value)
    return str(value)


def label(choices: type[models.TextChoices], value: str | None) -> str:
    """The word for a stored choice in the active language; an unknown one as it is."""
    if not value:
        return ""
    try:
        return gettext(str(choices(value).label))
    except ValueError:
        return str(value)


def options(
    choices: type[models.TextChoices], *, empty: str | None = None
) -> list[tuple[str, str]]:
    """All choices with their words, for a form; `empty` is the word for choosing none."""
    pairs = [(str(each.value), gettext(str(each.label))) for each in choices]
    return pairs if empty is None else [("", empty), *pairs]


# The labels of the records' choices, so that the collectors of translatable text find them.
LABELS: tuple[str, ...] = (
    _("Every working day"),
    _("Every Monday"),
    _("Never"),
    _("To a partner"),
    _("From a partner"),
    _("Asked of a partner by ourselves"),
    _("Nobody listens"),
    _("Dismissed"),
    _("Nobody"),
    _("Ours"),
    _("The partner's"),
    _("The network's"),
    _("Signatory"),
    _("Erasmus+ within Europe (KA131)"),
    _("Erasmus+ with other countries (KA171)"),
    _("Nordplus"),
    _("Swiss-European Mobility Programme"),
    _("Bilateral, outside programmes"),
    _("Edited"),
    _("Partner's id entered or removed"),
    _("Partner's terms taken over"),
    _("Back to what is in force"),
    _("Marked as ended"),
    _("Contacts, codes or file"),
    _("Proposed again unchanged"),
    _("Came into force"),
    _("Same installation"),
    _("Link"),
    _("We"),
    _("The partner"),
    _("Link by e-mail"),
    _("Invitation"),
    _("News"),
    _("Link withdrawn"),
    _("Our drafts and our copies"),
    _("The partner's copies"),
    _("Signs requests"),
    _("Signs answers"),
    _("Asked by a partner"),
    _("Asked by us"),
    _("Student"),
    _("Staff"),
    _("Studies"),
    _("Traineeship"),
    _("Studies and traineeship"),
    _("Teaching"),
    _("Training"),
    _("Research"),
    _("Erasmus+"),
    _("Other EU programme"),
    _("Nordic Council of Ministers"),
    _("Other international programme"),
    _("National programme"),
    _("Agreement of the institution"),
    _("Free mover"),
    _("Other"),
    _("Not known"),
    _("COVID-19"),
    _("Personal reasons"),
    _("Physical"),
    _("Virtual"),
    _("Blended"),
    _("Host country"),
    _("Home country"),
    _("Third country"),
    _("Planned"),
    _("Agreed"),
    _("Under way"),
    _("Done"),
    _("Cancelled"),
    _("Outgoing"),
    _("Incoming"),
    _("Expert work"),
    _("Job shadowing"),
    _("Conference only"),
    _("Single guest lecture"),
    _("Teaching and research"),
    _("Other staff"),
    _("Male"),
    _("Female"),
    _("Unknown"),
    _("University"),
    _("University of applied sciences"),
    _("Other organisation"),
    _("Member"),
    _("Associate partner"),
    _("Degree programme"),
    _("Module"),
    _("Course"),
    _("Class"),
    _("Students"),
    _("Doctoral candidates"),
    _("Teachers and researchers"),
    _("All staff"),
    _("Live"),
    _("Testing"),
    _("None"),
    _("Registry catalogue"),
    _("Survey round"),
    _("Reader"),
    _("Entry"),
    _("Coordinator"),
    _("Agreement manager"),
    _("Registrar"),
    _("Administrator"),
    _("Secretariat"),
    _("VIRTA"),
    _("Finnish National Agency for Education"),
    _("Statistics Finland"),
    _("Ministry of Education and Culture"),
    _("Alliance"),
    _("This institution"),
    _("Foreign institution"),
    _("Other foreign body"),
    _("Another Finnish institution"),
    _("Waiting"),
    _("Running"),
    _("Refused"),
    _("Failed"),
    _("Persons with an event that started in the year"),
    _("Graduates of the year with an event during their studies"),
    _("Everything, nested by student"),
    _("Being read"),
    _("Ready to confirm"),
    _("Being brought in"),
    _("Cannot be read"),
    _("Being taken back"),
    _("All or nothing"),
    _("The good lines"),
    _("Institutional coordination"),
    _("Agreements"),
    _("Nominations"),
    _("Incoming students"),
    _("Outgoing students"),
    _("Learning agreements"),
    _("Transcripts"),
    _("Staff mobility"),
    _("Courses and joint offers"),
    _("Technical matters of the exchange of data"),
    _("Something else"),
    _("Not said"),
    _("Not applicable"),
)
