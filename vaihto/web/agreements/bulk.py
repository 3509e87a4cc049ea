"""Academic years or people of many agreements at once: shown first, then done one by one with a result for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.agreements import actions, words
from vaihto.agreements.checks import is_academic_year
from vaihto.agreements.models import Agreement
from vaihto.agreements.terms import ORDER, Condition, Terms
from vaihto.journal.actors import May
from vaihto.refusals import Refusal
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.agreements.register import refused_because, result_row, results
from vaihto.web.components import Cell, Column, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of

_MOST = 500


def _year(text: str) -> str:
    text = text.strip()
    if text and not is_academic_year(text):
        raise forms.ValidationError(_("Write an academic year as 2026/2027."))
    return text


class BulkForm(forms.Form):
    """What to change in which conditions; what is left empty stays."""

    kind = ChoiceField(label=gettext_lazy("Only this kind of mobility"), required=False)
    direction = ChoiceField(label=gettext_lazy("Only this direction"), required=False)
    first_year = forms.CharField(
        label=gettext_lazy("First academic year"), required=False, max_length=9
    )
    last_year = forms.CharField(
        label=gettext_lazy("Last academic year"), required=False, max_length=9
    )
    people = forms.IntegerField(
        label=gettext_lazy("People per year"), required=False, min_value=1, max_value=9999
    )
    note = forms.CharField(
        label=gettext_lazy("A note to the partners"), required=False, max_length=1000
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        kinds = [(kind.value, _(words.KINDS[kind])) for kind in ORDER]
        self.fields["kind"].choices = [("", _("all")), *kinds]  # type: ignore[attr-defined]
        self.fields["direction"].choices = [  # type: ignore[attr-defined]
            ("", _("both")),
            ("out", _("from us")),
            ("in", _("to us")),
        ]

    def clean_first_year(self) -> str:
        """An academic year or nothing."""
        return _year(self.cleaned_data["first_year"])

    def clean_last_year(self) -> str:
        """An academic year or nothing."""
        return _year(self.cleaned_data["last_year"])


@dataclass(frozen=True)
class _Wanted:
    kind: str
    direction: str
    first_year: str
    last_year: str
    people: int | None

    @property
    def is_nothing(self) -> bool:
        return not (self.first_year or self.last_year or self.people)

    def terms(self, one: Agreement) -> Terms:
        """The terms after the change; what is not concerned keeps its spelling."""
        before = one.terms
        ours = one.institution.hei_id
        return replace(
            before, conditions=tuple(self._changed(each, ours) for each in before.conditions)
        )

    def _changed(self, one: Condition, ours: str) -> Condition:
        goes = "out" if one.sending == ours else "in"
        if (self.kind and one.kind != self.kind) or (self.direction and goes != self.direction):
            return one
        changed: dict[str, Any] = {}
        # In the south an academic year is written 2026/2026; a change keeps the partner's way of counting.
        southern = len(one.first_year) == 9 and one.first_year[:4] == one.first_year[5:]
        for name in ("first_year", "last_year"):
            if text := getattr(self, name):
                changed[name] = f"{text[:4]}/{text[:4]}" if southern else text
        if self.people is not None and one.people_count != self.people:
            changed["people"] = str(self.people)
            changed["people_not_yet_defined"] = False
        return replace(one, **changed)


def picked_of(request: Request, data: QueryDict) -> list[Agreement]:
    """The selected agreements that the reader may see, by their codes; deleted ones left out."""
    numbers = [int(v) for v in data.getlist("pick") if v.isdecimal() and len(v) < 19][:_MOST]
    return list(
        Agreement.objects.visible_to(request.actor)
        .filter(pk__in=numbers, deleted_at__isnull=True)
        .select_related("institution", "partner", "unit", "current")
        .order_by("code")
    )


def bulk(request: Request) -> HttpResponse:
    """The form and what it would change (GET); the change (POST)."""
    request.actor.require(May.AGREEMENTS_EDIT)
    data = request.POST if request.method == "POST" else request.GET
    found = picked_of(request, data)
    asked = request.method == "POST" or "show" in request.GET
    form = BulkForm(data if asked else None)
    wanted = None
    if asked and form.is_valid():
        given = form.cleaned_data
        wanted = _Wanted(
            given["kind"],
            given["direction"],
            given["first_year"],
            given["last_year"],
            given["people"],
        )
    if request.method == "POST" and wanted is not None and not wanted.is_nothing:
        return _done(request, found, wanted, form.cleaned_data["note"])
    here = Address(reverse("agreements:register"))
    return page(
        request,
        "agreements/bulk.html",
        status=400 if asked and (wanted is None) else 200,
        heading=_("Change many agreements"),
        lead=_("Academic years or numbers of the selected agreements, each shown before it is changed."),
        trail=[(_("Agreements"), reverse("agreements:register"))],
        form=form,
        picked=[one.pk for one in found],
        count=len(found),
        preview=_preview(found, wanted) if wanted and not wanted.is_nothing else None,
        nothing=wanted is not None and wanted.is_nothing,
        shared=sum(one.shared_at is not None for one in found),
        seen=[(one.pk, one.current.number) for one in found if one.current],
        back=str(here),
    )  # fmt: skip


def _preview(found: list[Agreement], wanted: _Wanted) -> Any:
    rows = []
    for one in found:
        before, after = one.terms, wanted.terms(one)
        lines = [
            f"{_(words.KINDS[new.kind])}: {_said(old)} → {_said(new)}"
            for old, new in zip(before.conditions, after.conditions, strict=True)
            if old != new
        ]
        rows.append(
            Row(
                [
                    Cell(
                        one.code,
                        href=reverse("agreements:agreement", args=[one.pk]),
                        nowrap=True,
                    ),
                    name_of(one.partner),
                    Cell(words.state(one.listed_state)),
                    "; ".join(lines) or Cell(_("nothing changes"), tone="plain"),
                ]
            )
        )
    return components.table(
        _("What would change"),
        [
            Column(label=_("Code")),
            Column(label=_("Partner")),
            Column(label=_("State")),
            Column(label=_("Change")),
        ],
        rows,
    )


def _said(one: Condition) -> str:
    return f"{words.years(one)}, {words.people(one)}"


def _done(request: Request, found: list[Agreement], wanted: _Wanted, note: str) -> HttpResponse:
    rows = []
    for one in found:
        seen = request.POST.get(f"seen-{one.pk}", "")
        terms = wanted.terms(one)
        if terms == one.terms:
            rows.append(result_row(one, _("Nothing was changed."), is_done=False))
            continue
        try:
            actions.edit(
                actor=request.actor,
                agreement=one,
                terms=terms,
                now=request.now,
                seen=int(seen) if seen.isdecimal() and len(seen) < 9 else None,
                note=note,
            )
            if note and one.shared_at:
                actions.remark(
                    actor=request.actor, agreement=one, text=note, now=request.now, for_partner=True
                )
        except Refusal as refusal:
            rows.append(result_row(one, refused_because(refusal), refused=True))
        else:
            told_partner = one.shared_at is not None
            rows.append(
                result_row(
                    one, _("Changed; the partner is told.") if told_partner else _("Changed.")
                )
            )
    return results(request, rows, back=reverse("agreements:register"))
