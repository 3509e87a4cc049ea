"""Searching the journal: by actor, deed, kind of record, batch and day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
from vaihto.refusals import NotAllowed
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Change, Column, Download, Row
from vaihto.web.deeds import VERBS, changes_of, deed
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, orders_of, page_of

SORTS: dict[str, Sequence[Order]] = {"at": (Order("at"),)}
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
SUBJECTS: dict[str, Any] = {
    "mobilities.mobility": gettext_lazy("Mobility"),
    "people.person": gettext_lazy("Person"),
    "people.studentrecord": gettext_lazy("Student"),
    "people.studyright": gettext_lazy("Study right"),
    "people.employment": gettext_lazy("Employment"),
    "people.account": gettext_lazy("Account"),
    "people.termenrolment": gettext_lazy("Term enrolment"),
    "transcripts.attainment": gettext_lazy("Attainment"),
    "institutions.institution": gettext_lazy("Institution"),
    "institutions.headcount": gettext_lazy("Headcount"),
    "institutions.membership": gettext_lazy("Membership"),
    "institutions.alliance": gettext_lazy("Alliance"),
    "imports.batch": gettext_lazy("Brought file"),
    "virta.exportrun": gettext_lazy("VIRTA run"),
    "classification.edition": gettext_lazy("Rules edition"),
    "institutions.capability": gettext_lazy("Capability"),
    "ewp.exchange": gettext_lazy("Exchange"),
    "ewp.key": gettext_lazy("Key"),
    "ewp.trial": gettext_lazy("Test of agreements"),
    "jobs.notification": gettext_lazy("Notification"),
}
_PAGES = {
    "mobilities.mobility": "office:mobility",
    "people.person": "office:person",
    "people.studyright": "office:right",
    "institutions.institution": "office:institution",
    "imports.batch": "imports:batch",
    "virta.exportrun": "virta:run",
    "ewp.exchange": "network:exchange",
    "ewp.trial": "network:trial",
    "jobs.notification": "network:notification",
}


class Filters(forms.Form):
    """What the journal may be narrowed by."""

    actor = forms.CharField(label=gettext_lazy("Who"), required=False, max_length=100)
    verb = ChoiceField(label=gettext_lazy("Deed"), required=False)
    subject = ChoiceField(label=gettext_lazy("Kind of record"), required=False)
    record = forms.CharField(
        label=gettext_lazy("Number of the record"), required=False, max_length=60
    )
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=_DAY)
    until = forms.DateField(label=gettext_lazy("Until"), required=False, widget=_DAY)
    batch = forms.CharField(label=gettext_lazy("Batch"), required=False, max_length=60)

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter_%s")
        for name, words in (("verb", VERBS), ("subject", SUBJECTS)):
            named = sorted((str(word), key) for key, word in words.items())
            self.fields[name].choices = [  # type: ignore[attr-defined]
                ("", _("Any")),
                *((key, word) for word, key in named),
            ]


def _require(actor: Actor) -> None:
    if not (actor.is_operator or actor.has(May.JOURNAL_READ)):
        raise NotAllowed("not-allowed", may=str(May.JOURNAL_READ))


def _narrowed(actor: Actor, chosen: dict[str, Any]) -> QuerySet[Entry]:
    found: QuerySet[Entry] = Entry.objects.visible_to(actor)
    for name, column in (
        ("actor", "actor_label__icontains"),
        ("verb", "verb"),
        ("subject", "subject_type"),
        ("record", "subject_id"),
        ("batch", "batch"),
    ):
        if chosen.get(name):
            found = found.filter(**{column: chosen[name]})
    if chosen.get("since"):
        found = found.filter(at__gte=_midnight(chosen["since"]))
    if chosen.get("until"):
        found = found.filter(at__lt=_midnight(chosen["until"]) + timedelta(days=1))
    return found


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def journal(request: Request) -> HttpResponse:
    """The journal, newest first; operators see all of it, administrators that of their institutions."""
    _require(request.actor)
    form = Filters(request.GET)
    form.is_valid()
    address = Address.of(request)
    sort, orders = orders_of(address.get("sort"), SORTS, default="-at")
    shown = page_of(_narrowed(request.actor, form.cleaned_data), orders, address)
    places = Institution.objects.in_bulk(
        {one.institution_id for one in shown.rows if one.institution_id}
    )
    return page(
        request,
        "operations/journal.html",
        heading=_("Journal"),
        lead=_(
            "Who did what to which record, when, and on whose behalf. Nothing here can be changed."
        ),
        filters=components.filters(form, address, more=("record", "batch")),
        downloads=components.downloads(
            [
                Download(
                    _("What the filters show"),
                    str(
                        address.without("after", "before", "n").at(
                            reverse("operations:journal-csv")
                        )
                    ),
                    "CSV",
                )
            ]
        ),
        table=components.table(
            _("Journal"),
            [
                Column(label=_("When"), sort="at"),
                Column(label=_("Who")),
                Column(label=_("Deed")),
                Column(label=_("Record")),
                Column(label=_("Institution")),
                Column(label=_("What changed")),
            ],
            [_row(one, places) for one in shown.rows],
            address=address,
            sort=sort,
            paging=shown.paging,
            hide_caption=True,
            dense=True,
            empty_text=_("Nothing in the journal fits the filters."),
        ),
    )


def _row(one: Entry, places: dict[int, Institution]) -> Row:
    place = places.get(one.institution_id or 0)
    changed = changes_of(one.changes)
    words = "; ".join(_change(change) for change in changed[:4])
    return Row(
        [
            Cell(one.at, nowrap=True),
            Cell(
                one.actor_label,
                note=_("for %(name)s") % {"name": one.behalf_of} if one.behalf_of else "",
            ),
            deed(one.verb),
            Cell(
                one.subject_label or one.subject_id,
                href=_href(one),
                note=str(SUBJECTS.get(one.subject_type, one.subject_type)),
            ),
            place.name if place else "",
            Cell(words, note=one.reason),
        ]
    )


def _change(change: Change) -> str:
    before, after = change.words
    if not before and not after:
        return change.field
    return _("%(field)s: %(before)s → %(after)s") % {
        "field": change.field,
        "before": before[:80] or "–",
        "after": after[:80] or "–",
    }


def _href(one: Entry) -> str:
    name = _PAGES.get(one.subject_type)
    if not name or not one.subject_id.isdecimal():
        return ""
    try:
        return reverse(name, args=[int(one.subject_id)])
    except NoReverseMatch:
        return ""


_HEADER = [
    "at", "actor_kind", "actor", "behalf_of", "verb", "subject_type", "subject_id", "subject",
    "institution_id", "changes", "reason", "batch",
]  # fmt: skip


def _lines(found: QuerySet[Entry]) -> Iterator[list[object]]:
    for one in found.order_by("-at", "-pk").iterator(chunk_size=2000):
        yield [
            one.at, one.actor_kind, one.actor_label, one.behalf_of, one.verb, one.subject_type,
            one.subject_id, one.subject_label, one.institution_id,
            json.dumps(one.changes, ensure_ascii=False) if one.changes else "", one.reason, one.batch,
        ]  # fmt: skip


def as_csv(request: Request) -> HttpResponseBase:
    """What the filters show, as CSV."""
    _require(request.actor)
    form = Filters(request.GET)
    form.is_valid()
    return csv_file("journal", _HEADER, _lines(_narrowed(request.actor, form.cleaned_data)))
