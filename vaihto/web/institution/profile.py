"""The institution itself: names, identifiers, addresses, pages."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.institutions import actions
from vaihto.institutions.completeness import of_institution
from vaihto.institutions.facts import ProfileFacts, seen
from vaihto.institutions.models import Institution
from vaihto.institutions.queries import profile_of, told
from vaihto.institutions.shapes import wrong_profile
from vaihto.web.frame import Request
from vaihto.web.institution.completing import own, panel
from vaihto.web.institution.pages import Edit, edited, sheet_page
from vaihto.web.institution.sheets import (
    AddressPiece,
    Layout,
    LinkRow,
    NameRow,
    Section,
    Sheet,
    lines_of,
)


class ProfileForm(forms.Form):
    """The single facts."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    abbreviation = forms.CharField(
        label=gettext_lazy("Abbreviation"), required=False, max_length=30
    )
    city = forms.CharField(label=gettext_lazy("City"), required=False, max_length=100)
    erasmus_code = forms.CharField(
        label=gettext_lazy("Erasmus code"),
        required=False,
        max_length=30,
        help_text=gettext_lazy("As in SF HELSINK01; blanks are put right by themselves."),
    )
    pic = forms.CharField(
        label="PIC", required=False, max_length=20, help_text=gettext_lazy("Nine digits.")
    )
    erasmus_charter = forms.CharField(
        label=gettext_lazy("Number of the Erasmus charter (ECHE)"), required=False, max_length=60
    )
    oid = forms.CharField(label="OID", required=False, max_length=60)
    ror = forms.CharField(label="ROR", required=False, max_length=60)
    previous_hei_ids = forms.CharField(
        label=gettext_lazy("Former identifiers"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "Domains under which the institution was known in the network before, one on a line."
        ),
    )
    website = forms.CharField(
        label=gettext_lazy("Website"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("The one that chooses the language by itself."),
    )
    logo_url = forms.CharField(
        label=gettext_lazy("Address of the logo"),
        required=False,
        max_length=500,
        help_text=gettext_lazy(
            "SVG, PNG or JPEG, about square, on white or transparent ground; begins with https://."
        ),
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)


LAYOUT = Layout(
    ProfileForm,
    pieces={"street_address": AddressPiece, "mailing_address": AddressPiece},
    rows={
        "names": NameRow,
        "websites": LinkRow,
        "factsheet_urls": LinkRow,
        "catalogue_urls": LinkRow,
    },
)


def _shown_as(facts: ProfileFacts) -> dict[str, Any]:
    values = {one.name: getattr(facts, one.name) for one in fields(facts)}
    return values | {"previous_hei_ids": "\n".join(facts.previous_hei_ids)}


def _read(given: dict[str, Any]) -> ProfileFacts:
    former = tuple(line.lower() for line in lines_of(given["previous_hei_ids"]))
    return ProfileFacts(**(given | {"previous_hei_ids": former}))


def _sections(sheet: Sheet) -> list[Section]:
    return [
        sheet.single("facts", _("Names and identifiers"), *(
            "name", "abbreviation", "city", "erasmus_code", "pic", "erasmus_charter",
        ), seldom=("oid", "ror", "previous_hei_ids")),
        sheet.several(
            "names",
            _("Names by language"),
            word=_("Name %(number)s"),
            note=_("The English one is what partners list. Leave a row empty to remove it."),
        ),
        sheet.piece(
            "street_address",
            _("Street address"),
            note=_("Of the main campus; students paste it into a map."),
        ),
        sheet.piece(
            "mailing_address", _("Mailing address"), note=_("Where it differs from the street address.")
        ),
        sheet.single("pages", _("Website and logo"), "website", "logo_url"),
        sheet.several("websites", _("Website by language"), word=_("Page %(number)s")),
        sheet.several(
            "factsheet_urls",
            _("Pages for incoming students"),
            word=_("Page %(number)s"),
            note=_("Public pages or PDF files; one of them in English."),
        ),
        sheet.several("catalogue_urls", _("Course catalogue"), word=_("Page %(number)s")),
    ]  # fmt: skip


def profile(request: Request, pk: int) -> HttpResponse:
    """The form: shown, a row added, or sent."""
    one = own(request, pk)
    stored = profile_of(one)
    done = edited(
        request,
        Edit(
            layout=LAYOUT,
            stored=stored,
            mark=seen(stored),
            show=_shown_as,
            read=_read,
            wrong=wrong_profile,
            save=lambda facts, mark: actions.edit_profile(
                actor=request.actor, institution=one, facts=facts, now=request.now, expected=mark
            ),
            page=partial(_shown, request, one),
        ),
    )
    if isinstance(done, HttpResponse):
        return done
    messages.success(request, _("The data of the institution is saved."))
    return HttpResponseRedirect(reverse("institution:profile", args=[one.pk]))


def _shown(request: Request, one: Institution, sheet: Sheet, **more: Any) -> HttpResponse:
    (all_told,) = told([one])
    contacts = list(one.contacts.order_by("place", "pk"))
    return sheet_page(
        request,
        one,
        sheet,
        _sections(sheet),
        heading=_("Data of the institution"),
        lead=one.hei_id,
        current="profile",
        panels=[panel(of_institution(all_told), one, contacts=contacts)],
        back=reverse("institution:overview", args=[one.pk]),
        **more,
    )
