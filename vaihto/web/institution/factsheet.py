"""The factsheet: a form that insists on what partners cannot do without, and keeps what is unfinished if asked."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.institutions import actions
from vaihto.institutions.completeness import of_factsheet
from vaihto.institutions.facts import FactsheetFacts, seen
from vaihto.institutions.models import Factsheet, Institution
from vaihto.institutions.queries import factsheet_of
from vaihto.institutions.shapes import wrong_factsheet
from vaihto.web.frame import Request
from vaihto.web.institution.completing import own, panel
from vaihto.web.institution.pages import Edit, edited, name_of, sheet_page
from vaihto.web.institution.sheets import (
    AccessibilityRow,
    InformationPiece,
    Layout,
    MoreRow,
    RequirementRow,
    Section,
    Sheet,
)


class DayOfYearWidget(forms.MultiWidget):
    """A day and a month; the day carries the field's id, so that links to the field find it."""

    use_fieldset = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {
                "day": forms.Select(
                    choices=[("", gettext_lazy("day")), *((f"{n:02}", n) for n in range(1, 32))],
                    attrs={"aria-label": gettext_lazy("Day")},
                ),
                "month": forms.Select(
                    choices=[
                        ("", gettext_lazy("month")),
                        *((f"{n:02}", name) for n, name in MONTHS.items()),
                    ],
                    attrs={"aria-label": gettext_lazy("Month")},
                ),
            },
            attrs,
        )

    def decompress(self, value: Any) -> list[str]:
        """Day and month of MM-DD."""
        month, _dash, day = str(value or "").partition("-")
        return [day, month]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """As Django's, with the id of the field on the day."""
        context = super().get_context(name, value, attrs)
        if attrs and attrs.get("id"):
            context["widget"]["subwidgets"][0]["attrs"]["id"] = attrs["id"]
        return context


class DayOfYearField(forms.MultiValueField):
    """A day of every year as MM-DD. Half a day is refused; 29 February is left to the room below."""

    widget = DayOfYearWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            fields=(
                forms.CharField(max_length=2, required=False),
                forms.CharField(max_length=2, required=False),
            ),
            required=False,
            require_all_fields=False,
            **kwargs,
        )

    def compress(self, data_list: list[str]) -> str:
        """MM-DD, or nothing."""
        day, month = data_list or ("", "")
        if not day and not month:
            return ""
        if not day or not month:
            raise forms.ValidationError(_("Choose both the day and the month."))
        return f"{month}-{day}"


class FactsheetForm(forms.Form):
    """The single facts of a factsheet."""

    nominations_autumn = DayOfYearField(label=gettext_lazy("Nominations for autumn until"))
    nominations_spring = DayOfYearField(label=gettext_lazy("Nominations for spring until"))
    applications_autumn = DayOfYearField(label=gettext_lazy("Applications for autumn until"))
    applications_spring = DayOfYearField(label=gettext_lazy("Applications for spring until"))
    decision_weeks = forms.IntegerField(
        label=gettext_lazy("Weeks until applications are decided"),
        required=False,
        min_value=1,
        max_value=52,
        help_text=gettext_lazy("Five at most is advised."),
    )
    transcript_weeks = forms.IntegerField(
        label=gettext_lazy("Weeks until transcripts are sent"),
        required=False,
        min_value=1,
        max_value=52,
        help_text=gettext_lazy("After the assessment period; five at most is advised."),
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)


LAYOUT = Layout(
    FactsheetForm,
    pieces=dict.fromkeys(("application", "housing", "visa", "insurance"), InformationPiece),
    rows={"requirements": RequirementRow, "accessibility": AccessibilityRow, "more": MoreRow},
)


def _shown_as(facts: FactsheetFacts) -> dict[str, Any]:
    return {one.name: getattr(facts, one.name) for one in fields(facts)}


def _sections(sheet: Sheet) -> list[Section]:
    all_three = _("E-mail, telephone and a web page are all three needed.")
    return [
        sheet.single(
            "calendar",
            _("Deadlines"),
            "nominations_autumn",
            "applications_autumn",
            "nominations_spring",
            "applications_spring",
            note=_("The same every year; by the end of that day they must have arrived."),
            short=True,
        ),
        sheet.single(
            "weeks", _("How fast we answer"), "decision_weeks", "transcript_weeks", short=True
        ),
        sheet.piece("application", _("Applications"), note=all_three),
        sheet.piece("housing", _("Housing"), note=all_three),
        sheet.piece("visa", _("Visa and residence permit"), note=all_three),
        sheet.piece("insurance", _("Insurance"), note=all_three),
        sheet.several(
            "requirements",
            _("What applicants must hand in or know"),
            word=_("Requirement %(number)s"),
        ),
        sheet.several(
            "accessibility",
            _("Accessibility"),
            word=_("Place or service %(number)s"),
            note=all_three,
        ),
        sheet.several("more", _("Further information"), word=_("Entry %(number)s"), note=all_three),
    ]


def factsheet(request: Request, pk: int) -> HttpResponse:
    """The form: shown, a row added, kept unfinished, or published."""
    one = own(request, pk)
    kept = Factsheet.objects.filter(institution=one).first()
    stored = factsheet_of(kept) if kept is not None else FactsheetFacts()
    unfinished = "unfinished" in request.POST
    done = edited(
        request,
        Edit(
            layout=LAYOUT,
            stored=stored,
            mark=seen(stored),
            show=_shown_as,
            read=lambda given: FactsheetFacts(**given),
            wrong=wrong_factsheet,
            lacking=lambda facts: () if unfinished else of_factsheet(facts).required,
            save=lambda facts, mark: actions.edit_factsheet(
                actor=request.actor, institution=one, facts=facts, now=request.now, expected=mark
            ),
            page=partial(_shown, request, one, stored),
        ),
    )
    if isinstance(done, HttpResponse):
        return done
    if of_factsheet(done).can_be_published:
        messages.success(request, _("The factsheet is published."))
    else:
        messages.warning(
            request, _("The factsheet is kept unfinished; partners see none until it is complete.")
        )
    return HttpResponseRedirect(reverse("institution:factsheet", args=[one.pk]))


def _shown(
    request: Request, one: Institution, stored: FactsheetFacts, sheet: Sheet, **more: Any
) -> HttpResponse:
    return sheet_page(
        request,
        one,
        sheet,
        _sections(sheet),
        heading=_("Factsheet"),
        lead=name_of(one),
        current="factsheet",
        panels=[panel(of_factsheet(stored), one)],
        unfinished=_("Keep unfinished"),
        save=_("Publish the factsheet"),
        back=reverse("institution:overview", args=[one.pk]),
        **more,
    )
