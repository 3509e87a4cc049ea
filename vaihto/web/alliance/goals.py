"""The goals of an alliance: what is to be reached, from which day, decided where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.observatory import actions
from vaihto.observatory.models import Goal
from vaihto.refusals import Invalid, NotAllowed, Unknown
from vaihto.web import components
from vaihto.web.alliance.figures import mode_word
from vaihto.web.alliance.overview import may_edit, percent, views_of, visible_alliance
from vaihto.web.components import Column, Row
from vaihto.web.frame import Request, page
from vaihto.web.wording import label, options, sentence_of


class GoalForm(forms.Form):
    """A new goal; the same day again replaces the one of that day."""

    group = forms.ChoiceField(label=gettext_lazy("Group"))
    mode = forms.ChoiceField(label=gettext_lazy("Mode"), required=False)
    share = forms.DecimalField(
        label=gettext_lazy("Goal in per cent"),
        min_value=Decimal("0.01"),
        max_value=Decimal(100),
        decimal_places=2,
    )
    since = forms.DateField(
        label=gettext_lazy("In force from"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    definition = forms.CharField(
        label=gettext_lazy("Definition"),
        max_length=60,
        help_text=gettext_lazy("Name and version of what is counted."),
    )
    source = forms.CharField(
        label=gettext_lazy("Decided"),
        max_length=200,
        help_text=gettext_lazy("The minutes or plan that decided it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].choices = options(Goal.Group)  # type: ignore[attr-defined]
        self.fields["mode"].choices = options(Goal.Mode, empty=_("all modes"))  # type: ignore[attr-defined]


def goals(request: Request, code: str) -> HttpResponse:
    """All goals with their days; a new one for those who may set it."""
    found = visible_alliance(request, code)
    editing = may_edit(request.actor, found)
    form = GoalForm(request.POST or None, initial={"since": request.today}) if editing else None
    if request.method == "POST":
        if form is None:
            raise NotAllowed("not-allowed")
        if form.is_valid():
            given = dict(form.cleaned_data)
            try:
                actions.set_goal(
                    actor=request.actor,
                    alliance=found,
                    **{**given, "share": given["share"] / 100},
                    now=request.now,
                )
            except Invalid as refusal:
                form.add_error(str(refusal.facts.get("field")), sentence_of(refusal).sentence)
            else:
                messages.success(request, _("The goal is set."))
                return redirect("alliance:goals", code=code)
    listed = list(Goal.objects.visible_to(request.actor).filter(alliance=found))
    return page(
        request,
        "alliance/goals.html",
        status=400 if form is not None and form.errors else 200,
        heading=_("Goals"),
        lead=found.name,
        trail=((_("Alliance"), reverse("alliance:alliance", args=[code])),),
        views=views_of(found, "goals", request.actor),
        form=form,
        goals=[
            (one, label(Goal.Group, one.group), mode_word(one.mode), percent(float(one.share)))
            for one in listed
        ],
        editing=editing,
        table=components.table(
            _("Goals"),
            (
                Column(label=_("Group")),
                Column(label=_("Mode")),
                Column(label=_("Goal"), numeric=True),
                Column(label=_("In force from")),
                Column(label=_("Definition")),
                Column(label=_("Decided")),
            ),
            [
                Row(
                    (
                        label(Goal.Group, one.group),
                        mode_word(one.mode),
                        percent(float(one.share)),
                        one.since,
                        one.definition,
                        one.source,
                    )
                )
                for one in listed
            ],
            hide_caption=True,
            empty_text=_(
                "No goal is set; the alliance's first aims are used: half of students, half of staff."
            ),
        ),
    )


@require_POST
def withdraw(request: Request, pk: int) -> HttpResponse:
    """Takes a goal back."""
    goal = Goal.objects.visible_to(request.actor).select_related("alliance").filter(pk=pk).first()
    if goal is None:
        raise Unknown("goal.unknown")
    code = goal.alliance.code
    actions.withdraw_goal(actor=request.actor, goal=goal, now=request.now)
    messages.success(request, _("The goal is withdrawn; the one before it is in force again."))
    return redirect("alliance:goals", code=code)
