"""Entering, changing and removing realisations: when something is taught, with credits and grading."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.forms import BaseFormSet
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.imports.realisations import parse_results
from vaihto.offers import actions
from vaihto.offers.facts import CreditFacts, RealisationFacts
from vaihto.offers.models import ECTS, LearningOpportunity, Realisation
from vaihto.refusals import Invalid, Refusal, Stale, Unknown
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.editing import moment_of, told_stale
from vaihto.web.offers.offer import ReasonForm, kept, trail
from vaihto.web.offers.rows import RowForm, are_valid, rows_of, tell
from vaihto.web.offers.words import language_choices
from vaihto.web.wording import sentence_of, shown

_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
_BY_LANGUAGE = {
    "term_name": "term_names",
    "grading": "grading_labels",
    "grading_description": "grading_descriptions",
    "results_description": "results_descriptions",
}
_SAID = frozenset(
    {
        "start",
        "end",
        "academic_year",
        "term_number",
        "term_count",
        "term_start",
        "term_end",
        "results",
        "credits",
        "language",
        "engagement_hours",
        *_BY_LANGUAGE.values(),
    }
)


class ResultsField(forms.CharField):
    """Grades with how many got each, on one line."""

    def clean(self, value: Any) -> Any:
        """Pairs of grade and number."""
        try:
            return parse_results(super().clean(value))
        except Invalid as refusal:
            told = sentence_of(refusal)
            raise forms.ValidationError(f"{told.sentence} {told.remedy}") from refusal


class RealisationForm(forms.Form):
    """The facts of a realisation that stand in no row."""

    start = forms.DateField(label=gettext_lazy("First day"), widget=_DAY)
    end = forms.DateField(
        label=gettext_lazy("Last day"), widget=_DAY, help_text=gettext_lazy("Included.")
    )
    language = ChoiceField(
        label=gettext_lazy("Language of instruction"),
        required=False,
        help_text=gettext_lazy("The main one; empty where none is."),
    )
    engagement_hours = forms.DecimalField(
        label=gettext_lazy("Hours of work"),
        required=False,
        min_value=0,
        max_digits=8,
        decimal_places=2,
        help_text=gettext_lazy("Of a student, all told."),
    )
    academic_year = forms.CharField(
        label=gettext_lazy("Academic year"),
        required=False,
        max_length=9,
        help_text=gettext_lazy("As 2026/2027."),
    )
    term_number = forms.IntegerField(
        label=gettext_lazy("Which term"), required=False, min_value=1, max_value=9
    )
    term_count = forms.IntegerField(
        label=gettext_lazy("Terms in the year"), required=False, min_value=1, max_value=9
    )
    term_start = forms.DateField(
        label=gettext_lazy("First day of the term"), required=False, widget=_DAY
    )
    term_end = forms.DateField(
        label=gettext_lazy("Last day of the term"), required=False, widget=_DAY
    )
    results = ResultsField(
        label=gettext_lazy("Results of earlier participants"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("Grades with their numbers: 5: 12, 4: 30, 3: 18."),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, tag: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = language_choices(tag)  # type: ignore[attr-defined]


class CreditRow(RowForm):
    """Credits of one scheme."""

    scheme = forms.CharField(label=gettext_lazy("Scheme"), required=False, max_length=40)
    value = forms.DecimalField(
        label=gettext_lazy("Credits"),
        required=False,
        min_value=0,
        max_digits=6,
        decimal_places=2,
    )
    level = ChoiceField(
        label=gettext_lazy("Level of the credits"),
        required=False,
        choices=[
            ("", "–"),
            ("Bachelor", gettext_lazy("Bachelor")),
            ("Master", gettext_lazy("Master")),
            ("PhD", gettext_lazy("Doctorate")),
        ],
    )

    @property
    def facts(self) -> CreditFacts | None:
        """The credits, None where no number stands there."""
        given = self.typed
        if given is None or given["value"] is None:
            return None
        scheme = given["scheme"].strip()
        is_ects = scheme.casefold() in {"", ECTS}
        return CreditFacts(
            scheme=ECTS if is_ects else scheme, value=given["value"], level=given["level"]
        )


class WordsRow(RowForm):
    """Names of term and grading in one language."""

    language = ChoiceField(label=gettext_lazy("Language"), required=False)
    term_name = forms.CharField(
        label=gettext_lazy("Name of the term"), required=False, max_length=300
    )
    grading = forms.CharField(label=gettext_lazy("Grading scheme"), required=False, max_length=300)
    grading_description = forms.CharField(
        label=gettext_lazy("How it is read"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    results_description = forms.CharField(
        label=gettext_lazy("About the results"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, tags: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = language_choices(*tags)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A text has a language."""
        given = super().clean() or {}
        if any(given.get(name) for name in _BY_LANGUAGE) and not given.get("language"):
            self.add_error("language", _("Say which language this is."))
        return given


class _Sheet:
    """The form with its rows: shown as stored, judged as sent, or with a row more."""

    def __init__(self, stored: Realisation | None, data: Any, seen: str) -> None:
        adding = data is not None and "add" in data
        initial = {"seen": seen, **_initial(stored)}
        tag = stored.language if stored is not None else ""
        if data is None:
            self.form = RealisationForm(initial=initial, tag=tag)
        elif adding:
            self.form = RealisationForm(initial=data.dict(), tag=tag)
        else:
            self.form = RealisationForm(data, tag=tag)
        credits_stored = [
            {"scheme": one.scheme, "value": one.value, "level": one.level}
            for one in (stored.credit_list if stored is not None else [])
        ] or [{"scheme": ECTS}]
        texts = {name: getattr(stored, column, {}) for name, column in _BY_LANGUAGE.items()}
        tags = tuple(dict.fromkeys(tag for by_tag in texts.values() for tag in by_tag))
        words = [
            {"language": tag, **{name: by_tag.get(tag, "") for name, by_tag in texts.items()}}
            for tag in tags
        ] or [{"language": "en"}]
        self.credits: BaseFormSet[CreditRow] = rows_of(
            CreditRow, "credits", credits_stored, data, adding=adding, spare=0
        )
        self.words: BaseFormSet[WordsRow] = rows_of(
            WordsRow, "words", words, data, adding=adding, spare=0, tags=tags
        )

    def is_valid(self) -> bool:
        """Is everything understood?"""
        return are_valid(self.form, self.credits, self.words)

    @property
    def is_wrong(self) -> bool:
        """Was something not understood?"""
        return bool(self.form.errors) or any(row.errors for row in (*self.credits, *self.words))

    @property
    def facts(self) -> RealisationFacts:
        """What was entered."""
        given = dict(self.form.cleaned_data)
        del given["seen"]
        rows = [row.typed for row in self.words if row.typed]
        texts: dict[str, Any] = {
            column: {row["language"]: row[name].replace("\r\n", "\n") for row in rows if row[name]}
            for name, column in _BY_LANGUAGE.items()
        }
        found = [facts for row in self.credits if (facts := row.facts)]
        return RealisationFacts(credits=tuple(found), **texts, **given)


def _initial(stored: Realisation | None) -> dict[str, Any]:
    if stored is None:
        return {}
    plain = {
        name: getattr(stored, name)
        for name in RealisationForm.base_fields
        if name not in {"seen", "results"}
    }
    return plain | {"results": ", ".join(f"{name}: {count}" for name, count in stored.results)}


def _seen(request: Request, pk: int) -> Realisation:
    """The realisation, for those who may change what it is one of."""
    found = Realisation.objects.filter(pk=pk).first()
    if found is None:
        raise Unknown("offer.unknown")
    found.opportunity = kept(request.actor, found.opportunity_id)
    return found


def new(request: Request, pk: int) -> HttpResponse:
    """It is taught once more."""
    one = kept(request.actor, pk)
    data = request.POST if request.method == "POST" else None
    sheet = _Sheet(None if data is not None else _example(one), data, "")
    if data is not None and "add" not in data and sheet.is_valid():
        try:
            actions.add_realisation(
                actor=request.actor, opportunity=one, facts=sheet.facts, now=request.now
            )
        except Invalid as refusal:
            tell(sheet.form, refusal)
        else:
            messages.success(request, _("The realisation was added."))
            return HttpResponseRedirect(reverse("offers:offer", args=[pk]))
    return _shown(request, sheet, one, heading=_("New realisation of %(name)s"))


def _example(one: LearningOpportunity) -> Realisation | None:
    """The last realisation without its days: the next one is mostly alike."""
    last = one.realisations.order_by("-start", "-pk").first()
    if last is None:
        return None
    return Realisation(
        language=last.language,
        engagement_hours=last.engagement_hours,
        term_number=last.term_number,
        term_count=last.term_count,
        grading_labels=last.grading_labels,
        grading_descriptions=last.grading_descriptions,
        credits=last.credits,
    )


def edit(request: Request, pk: int) -> HttpResponse:
    """Changes a realisation."""
    realisation = _seen(request, pk)
    one = realisation.opportunity
    data = request.POST if request.method == "POST" else None
    sheet = _Sheet(realisation, data, one.modified_at.isoformat())
    stale, status = "", 0
    if data is not None and "add" not in data and sheet.is_valid():
        try:
            actions.edit_realisation(
                actor=request.actor,
                realisation=realisation,
                facts=sheet.facts,
                now=request.now,
                said=_SAID,
                seen=moment_of(sheet.form.cleaned_data["seen"]),
            )
        except Stale as refusal:
            stale, status = told_stale(refusal), 409
            again = data.copy()
            again["seen"] = one.modified_at.isoformat()
            sheet = _Sheet(realisation, again, "")
        except Refusal as refusal:
            tell(sheet.form, refusal)
        else:
            messages.success(request, _("The realisation was changed."))
            return HttpResponseRedirect(reverse("offers:offer", args=[one.pk]))
    return _shown(
        request, sheet, one, heading=_("Edit a realisation of %(name)s"), stale=stale, status=status
    )


def _shown(
    request: Request,
    sheet: _Sheet,
    one: LearningOpportunity,
    *,
    heading: str,
    stale: str = "",
    status: int = 0,
) -> HttpResponse:
    bound = {each.name: each for each in sheet.form.visible_fields()}
    term = ("academic_year", "term_number", "term_count", "term_start", "term_end")
    return page(
        request,
        "offers/realisation.html",
        status=status or (400 if sheet.is_wrong else 200),
        heading=heading % {"name": one.code or one.title},
        trail=trail(one),
        form=sheet.form,
        fields=[bound[name] for name in ("start", "end", "language", "engagement_hours")],
        term=[bound[name] for name in term],
        results=bound["results"],
        credit_rows=sheet.credits,
        word_rows=sheet.words,
        all_forms=[sheet.form, *sheet.credits, *sheet.words],
        back=reverse("offers:offer", args=[one.pk]),
        stale=stale,
    )


def remove(request: Request, pk: int) -> HttpResponse:
    """Removes a realisation that is not held after all, after asking."""
    realisation = _seen(request, pk)
    one = realisation.opportunity
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.remove_realisation(
            actor=request.actor,
            realisation=realisation,
            now=request.now,
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, _("The realisation was removed."))
        return HttpResponseRedirect(reverse("offers:offer", args=[one.pk]))
    return page(
        request,
        "web/confirm.html",
        heading=_("Remove a realisation"),
        trail=trail(one),
        sentence=_("Remove the realisation from %(start)s to %(end)s?")
        % {"start": shown(realisation.start), "end": shown(realisation.end)},
        consequences=[
            _("Partners no longer find it; its identifier is never given to another."),
            _("It cannot be brought back, only entered anew."),
        ],
        form=form,
        deed=_("Remove"),
        danger=True,
        back=reverse("offers:offer", args=[one.pk]),
    )
