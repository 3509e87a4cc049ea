"""Editions of the rules: which is in force, what another one would change, and adopting it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.classification import actions
from vaihto.classification.models import Edition, Scheme
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Side
from vaihto.refusals import Invalid, NotAllowed, Unknown
from vaihto.rules import catalogue
from vaihto.web import components, work
from vaihto.web.components import Cell, Column, Figure, Row
from vaihto.web.frame import Frame, Request, page
from vaihto.web.wording import label, sentence_of, shown


class Proposal(forms.Form):
    """Parameters to lay over those of the program."""

    parameters = forms.CharField(
        label=gettext_lazy("Changed parameters"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "As in a parameter file: the name of a parameter and its values by day. Empty: the rules of the "
            "program as they are."
        ),
    )
    note = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=500,
        help_text=gettext_lazy("The decision or question behind it."),
    )


def _readers(actor: Actor) -> None:
    if actor.is_stranger:
        raise NotAllowed("not-allowed")


def editions(request: Request) -> HttpResponse:
    """All editions; a new one can be proposed and tried by those who may adopt rules."""
    _readers(request.actor)
    may_adopt = request.actor.has(May.RULES_ADOPT)
    form = Proposal(request.POST or None) if may_adopt else None
    if request.method == "POST":
        if form is None:
            raise NotAllowed("not-allowed")
        if form.is_valid():
            try:
                edition = actions.propose(
                    actor=request.actor,
                    parameters=form.cleaned_data["parameters"],
                    note=form.cleaned_data["note"],
                    now=request.now,
                )
            except Invalid as refusal:
                told = sentence_of(refusal)
                form.add_error("parameters", f"{told.sentence} {told.remedy}".strip())
            else:
                started = actions.start_trial(actor=request.actor, edition=edition)
                return redirect("web:work", pk=started.pk)
    in_force = Edition.objects.adopted()
    return page(
        request,
        "rules/editions.html",
        status=400 if form is not None and form.errors else 200,
        heading=_("Editions of the rules"),
        trail=((_("Rules"), reverse("rules:list")),),
        waiting=actions.edition_waiting(),
        form=form,
        table=components.table(
            _("Editions"),
            (
                Column(label=_("Edition")),
                Column(label=_("State")),
                Column(label=_("Adopted")),
                Column(label=_("By")),
                Column(label=_("Why")),
                Column(label=_("Would change"), numeric=True),
            ),
            [
                Row(
                    (
                        Cell(str(one), href=reverse("rules:edition", args=[one.pk])),
                        _state(one, in_force),
                        one.adopted_at,
                        one.adopted_by or one.proposed_by,
                        one.note,
                        one.trial.get("changed") if one.trial else None,
                    )
                )
                for one in Edition.objects.visible_to(request.actor)[:100]
            ],
            hide_caption=True,
            empty_text=_("No edition has judged anything yet."),
        ),
    )


def _state(one: Edition, in_force: Edition | None) -> Cell:
    if in_force is not None and one.pk == in_force.pk:
        return Cell(_("in force"), tone="good")
    return Cell(_("adopted before") if one.adopted_at else _("proposal"), tone="plain")


def _visible(request: Request, pk: int) -> Edition:
    found = Edition.objects.visible_to(request.actor).filter(pk=pk).first()
    if found is None:
        raise Unknown("edition.unknown")
    return found


def edition(request: Request, pk: int) -> HttpResponse:
    """One edition: its parameters, and whose verdict it would change."""
    _readers(request.actor)
    one = _visible(request, pk)
    in_force = Edition.objects.adopted()
    tried: dict[str, Any] = one.trial or {}
    return page(
        request,
        "rules/edition.html",
        heading=_("Edition %(edition)s") % {"edition": one},
        trail=(
            (_("Rules"), reverse("rules:list")),
            (_("Editions of the rules"), reverse("rules:editions")),
        ),
        edition=one,
        is_in_force=in_force is not None and in_force.pk == one.pk,
        may_adopt=request.actor.has(May.RULES_ADOPT),
        tried=bool(tried),
        cards=components.cards(
            [
                Figure(label=_("Sides judged"), value=tried.get("judged")),
                Figure(label=_("Would change"), value=tried.get("changed")),
            ]
        )
        if tried
        else "",
        by_rule=_by_rule(tried, request),
        changes=_changes(tried, request),
    )


def _by_rule(tried: dict[str, Any], request: Request) -> str:
    language = Frame(request, request.actor).language
    known = {one.code: one for one in catalogue.rules()}
    return components.table(
        _("By rule"),
        (
            Column(label=_("Rule")),
            Column(label=_("What it says")),
            Column(label=_("Changes"), numeric=True),
        ),
        [
            Row(
                (
                    Cell(
                        code or "–",
                        href=reverse("rules:rule", args=[code]) if code in known else "",
                    ),
                    known[code].title(language) if code in known else "",
                    count,
                )
            )
            for code, count in tried.get("by_rule", {}).items()
        ],
        hide_caption=True,
        empty_text=_("No verdict would change."),
    )


def _changes(tried: dict[str, Any], request: Request) -> str:
    """The first changes of sides that the reader may see; others are counted above and not named."""
    changes = tried.get("changes", [])
    seen = dict(
        Side.objects.visible_to(request.actor)
        .filter(pk__in={change["side"] for change in changes})
        .values_list("pk", "mobility_id")
    )
    names = dict(Institution.objects.hosted().values_list("pk", "name"))
    return components.table(
        _("Whose verdict would change"),
        (
            Column(label=_("Key")),
            Column(label=_("Institution")),
            Column(label=_("Scheme")),
            Column(label=_("Rule")),
            Column(label=_("Now")),
            Column(label=_("Then")),
        ),
        [
            Row(
                (
                    Cell(
                        change["key"],
                        href=reverse("office:mobility", args=[seen[change["side"]]]),
                    ),
                    names.get(change["institution"], ""),
                    label(Scheme, change["scheme"]) or _("period"),
                    change["rule"],
                    _said(change["before"]),
                    _said(change["after"]),
                )
            )
            for change in changes
            if change["side"] in seen
        ],
        hide_caption=True,
        empty_text=_("None of the records you may see."),
    )


def _said(verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return _("nothing")
    return "; ".join(
        f"{name}: {shown(value)}" for name, value in verdict.items() if value not in (None, "", [])
    )


@require_POST
def adopt(request: Request, pk: int) -> HttpResponse:
    """The edition is in force from now on; everybody is judged by it in the background."""
    one = _visible(request, pk)
    started = actions.adopt(
        actor=request.actor,
        edition=one,
        note=request.POST.get("note", "").strip()[:500],
        now=request.now,
    )
    messages.success(request, _("The edition is in force; all records are being judged by it."))
    return redirect("web:work", pk=started.pk)


work.shows(
    actions.TRY_EDITION,
    title=lambda one: _("Trying an edition of the rules"),
    result=lambda one: (
        _("See what would change"),
        reverse("rules:edition", args=[int(one.subject_id)]),
    ),
)
for _kind in (actions.JUDGE_WAITING, actions.JUDGE_ALL):
    work.shows(_kind, title=lambda _one: _("Judging records"), result=lambda _one: None)
