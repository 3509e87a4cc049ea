"""Entering and changing an entry of the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.forms import BaseFormSet
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor, May
from vaihto.offers import actions
from vaihto.offers.facts import OpportunityFacts
from vaihto.offers.models import Kind, LearningOpportunity
from vaihto.refusals import NotAllowed, Refusal, Stale
from vaihto.web import components
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.offer import kept, trail
from vaihto.web.offers.rows import RowForm, are_valid, rows_of, tell
from vaihto.web.offers.words import field_choices, language_choices, level_name, name_of, reader
from vaihto.web.wording import options, sentence_of

_SAID = frozenset(
    {
        "code",
        "titles",
        "descriptions",
        "unit",
        "isced_code",
        "subject_area",
        "eqf_level",
        "addresses",
        "exposed",
    }
)


class EntryForm(forms.Form):
    """The facts of an entry that stand in no row."""

    institution = ChoiceField(label=gettext_lazy("Institution"))
    kind = ChoiceField(
        label=gettext_lazy("Kind"), help_text=gettext_lazy("It never changes afterwards.")
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        required=False,
        max_length=60,
        help_text=gettext_lazy("As people know it; one code names one entry."),
    )
    unit = ChoiceField(label=gettext_lazy("Organised by"), required=False)
    isced_code = ChoiceField(
        label=gettext_lazy("Field of study"), required=False, help_text="ISCED-F 2013"
    )
    eqf_level = ChoiceField(label=gettext_lazy("Level (EQF)"), required=False)
    subject_area = forms.CharField(
        label=gettext_lazy("Erasmus subject code"),
        required=False,
        max_length=10,
        help_text=gettext_lazy("The old one, as 11.3; seldom asked for."),
    )
    exposed = forms.BooleanField(
        label=gettext_lazy("Partners and the public see it"), required=False
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        institution: Institution | None,
        places: list[Institution],
        stored: LearningOpportunity | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        choose = self._choose
        if stored is not None or len(places) == 1:
            del self.fields["institution"]
        else:
            choose("institution", [(one.hei_id, name_of(one)) for one in places])
        if stored is not None:
            del self.fields["kind"]
        else:
            choose("kind", options(Kind))
        units = _units(institution, places)
        choose("unit", [("", "–"), *units])
        if not units:
            del self.fields["unit"]
        choose("isced_code", field_choices(stored.isced_code if stored else ""))
        levels = [5, 6, 7, 8]
        if stored is not None and stored.eqf_level is not None and stored.eqf_level < 5:
            levels.insert(0, stored.eqf_level)
        choose("eqf_level", [("", "–"), *((str(one), level_name(one)) for one in levels)])

    def _choose(self, name: str, choices: Any) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def _units(institution: Institution | None, places: list[Institution]) -> list[tuple[str, Any]]:
    """Units of the institution, or of each that may be chosen under its name."""
    wanted = [institution] if institution is not None else places
    found: dict[int, list[tuple[str, str]]] = {}
    for unit in Unit.objects.filter(institution__in=wanted).order_by("name")[:1000]:
        found.setdefault(unit.institution_id, []).append(
            (unit.code, unit.names.get(reader()) or unit.name)
        )
    if len(wanted) == 1:
        return list(found.get(wanted[0].pk, []))
    return [(name_of(one), found[one.pk]) for one in wanted if one.pk in found]


class TextRow(RowForm):
    """Title and description in one language."""

    language = ChoiceField(label=gettext_lazy("Language"), required=False)
    title = forms.CharField(label=gettext_lazy("Title"), required=False, max_length=300)
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, tags: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = language_choices(*tags)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A text has a language."""
        given = super().clean() or {}
        if (given.get("title") or given.get("description")) and not given.get("language"):
            self.add_error("language", _("Say which language this is."))
        return given


class LinkRow(RowForm):
    """A page about the entry."""

    url = forms.CharField(label=gettext_lazy("Address"), required=False, max_length=500)
    language = ChoiceField(label=gettext_lazy("Language of the page"), required=False)

    def __init__(self, *args: Any, tags: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = language_choices(  # type: ignore[attr-defined]
            *tags, empty=_("the page chooses itself")
        )


class _Sheet:
    """The form with its rows."""

    def __init__(
        self,
        form: EntryForm,
        texts: BaseFormSet[TextRow],
        links: BaseFormSet[LinkRow],
    ) -> None:
        self.form, self.texts, self.links = form, texts, links

    def is_valid(self) -> bool:
        """Is everything understood, and each language named once?"""
        if not are_valid(self.form, self.texts, self.links):
            return False
        met: set[str] = set()
        for row in self.texts:
            tag = row.typed["language"] if row.typed else ""
            if tag and tag in met:
                row.add_error("language", _("This language stands above already."))
            met.add(tag)
        return not any(row.errors for row in self.texts)

    def facts(self, kind: str, key: str) -> OpportunityFacts:
        """What was entered, as the facts that a file would bring."""
        given = self.form.cleaned_data
        texts = [row.typed for row in self.texts if row.typed]
        level = given["eqf_level"]
        return OpportunityFacts(
            key=key,
            kind=kind,
            code=given["code"],
            titles={row["language"]: row["title"] for row in texts if row["title"]},
            descriptions={
                row["language"]: row["description"].replace("\r\n", "\n")
                for row in texts
                if row["description"]
            },
            unit=given.get("unit", ""),
            isced_code=given["isced_code"],
            subject_area=given["subject_area"],
            eqf_level=int(level) if level else None,
            addresses=tuple(
                Link(row.typed["url"], row.typed["language"])
                for row in self.links
                if row.typed and row.typed["url"]
            ),
            exposed=given["exposed"],
        )


def _sheet(
    form_of: Any, stored: LearningOpportunity | None, data: Any, *, initial: dict[str, Any]
) -> _Sheet:
    adding = data is not None and "add" in data
    tags: tuple[str, ...] = ()
    texts: list[dict[str, Any]] = [{"language": "en"}]
    links: list[dict[str, Any]] = []
    if stored is not None:
        tags = tuple(dict.fromkeys([*stored.titles, *stored.descriptions]))
        texts = [
            {
                "language": tag,
                "title": stored.titles.get(tag, ""),
                "description": stored.descriptions.get(tag, ""),
            }
            for tag in tags
        ]
        links = [{"url": link.url, "language": link.language} for link in stored.addresses]
    more = tuple(link["language"] for link in links)
    if data is None:
        form = form_of(initial=initial)
    elif adding:
        form = form_of(initial=data.dict())
    else:
        form = form_of(data)
    return _Sheet(
        form,
        rows_of(TextRow, "texts", texts, data, adding=adding, tags=tags),
        rows_of(LinkRow, "links", links, data, adding=adding, tags=more),
    )


def places_of(actor: Actor) -> list[Institution]:
    """Hosted institutions whose catalogue the actor keeps. Refuses with `NotAllowed` where there is none."""
    within = actor.institutions(May.OFFERS_EDIT)
    hosted = Institution.objects.hosted().order_by("name")
    found = list(hosted if within is None else hosted.filter(pk__in=within))
    if not found:
        raise NotAllowed("not-allowed", may=str(May.OFFERS_EDIT))
    return found


def new(request: Request) -> HttpResponse:
    """A new entry."""
    places = places_of(request.actor)
    only = places[0] if len(places) == 1 else None
    data = request.POST if request.method == "POST" else None

    def form_of(*args: Any, **kwargs: Any) -> EntryForm:
        return EntryForm(*args, institution=only, places=places, **kwargs)

    sheet = _sheet(form_of, None, data, initial={"kind": Kind.COURSE})
    if data is not None and "add" not in data and sheet.is_valid():
        given = sheet.form.cleaned_data
        place = only or next(one for one in places if one.hei_id == given["institution"])
        try:
            one = actions.create(
                actor=request.actor,
                institution=place,
                facts=sheet.facts(given["kind"], ""),
                now=request.now,
            )
        except Refusal as refusal:
            tell(sheet.form, refusal)
        else:
            messages.success(request, _("The entry was made. Say next when it is taught."))
            return HttpResponseRedirect(reverse("offers:offer", args=[one.pk]))
    return _shown(
        request,
        sheet,
        heading=_("New entry of the catalogue"),
        trail=trail(),
        back=reverse("offers:catalogue"),
    )


def edit(request: Request, pk: int) -> HttpResponse:
    """Changes an entry."""
    one = kept(request.actor, pk)
    data = request.POST if request.method == "POST" else None

    def form_of(*args: Any, **kwargs: Any) -> EntryForm:
        return EntryForm(
            *args, institution=one.institution, places=[one.institution], stored=one, **kwargs
        )

    initial = {
        "code": one.code,
        "unit": one.unit.code if one.unit else "",
        "isced_code": one.isced_code,
        "eqf_level": one.eqf_level,
        "subject_area": one.subject_area,
        "exposed": one.exposed,
        "seen": one.modified_at.isoformat(),
    }
    sheet = _sheet(form_of, one, data, initial=initial)
    stale, status = "", 0
    if data is not None and "add" not in data and sheet.is_valid():
        try:
            actions.edit(
                actor=request.actor,
                opportunity=one,
                facts=sheet.facts(one.kind, one.key),
                now=request.now,
                said=_SAID if "unit" in sheet.form.fields else _SAID - {"unit"},
                seen=moment_of(sheet.form.cleaned_data["seen"]),
            )
        except Stale as refusal:
            stale, status = told_stale(refusal), 409
            again = data.copy()
            again["seen"] = one.modified_at.isoformat()
            sheet = _sheet(form_of, one, again, initial=initial)
        except Refusal as refusal:
            tell(sheet.form, refusal)
        else:
            messages.success(request, _("The entry was changed."))
            return HttpResponseRedirect(reverse("offers:offer", args=[pk]))
    return _shown(
        request,
        sheet,
        heading=_("Edit %(name)s") % {"name": one.code or one.title},
        trail=trail(one),
        back=reverse("offers:offer", args=[pk]),
        stale=stale,
        status=status,
    )


def moment_of(text: str) -> datetime | None:
    """The moment a hidden field holds, None where somebody changed it to something else."""
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def told_stale(refusal: Stale) -> str:
    """Somebody was quicker; what was typed is still there."""
    told = sentence_of(refusal)
    return components.notice(
        _("Your values are still below. Saving again makes them the present ones."),
        tone="warn",
        title=told.sentence,
    )


def _shown(
    request: Request, sheet: _Sheet, *, status: int = 0, stale: str = "", **more: Any
) -> HttpResponse:
    wrong = sheet.form.errors or any(row.errors for row in (*sheet.texts, *sheet.links))
    return page(
        request,
        "offers/edit.html",
        status=status or (400 if wrong else 200),
        form=sheet.form,
        fields=[bound for bound in sheet.form.visible_fields() if bound.name != "exposed"],
        text_rows=sheet.texts,
        link_rows=sheet.links,
        all_forms=[sheet.form, *sheet.texts, *sheet.links],
        stale=stale,
        **more,
    )
