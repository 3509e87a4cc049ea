"""Our copy beside the partner's, condition by condition and field by field, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from vaihto.agreements import actions, words
from vaihto.agreements.comparison import Comparison, Difference, Pair, Weight, compare
from vaihto.agreements.models import Agreement, ReceivedRevision, Revision
from vaihto.agreements.terms import Condition, Terms
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web import components
from vaihto.web.agreements.agreement import agreement_of, reader_names, trail
from vaihto.web.agreements.conditions import clean_text
from vaihto.web.agreements.remarks import subject_of, subjects
from vaihto.web.components import Tone
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import label, sentence_of, shown

_TONES: dict[Weight, Tone] = {
    Weight.BLOCKS: "bad",
    Weight.DISCUSS: "warn",
    Weight.SPELLING: "info",
}
# In the order of the paper form; the kind stands in the heading.
_FIELDS = (
    "sending", "sending_unit", "receiving", "receiving_unit", "first_year", "last_year", "people",
    "people_not_yet_defined", "months", "days", "areas", "levels", "skills", "blended", "other_terms",
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    """One version of one of the two copies."""

    key: str
    title: str
    word: str
    terms: Terms


@dataclass(frozen=True)
class Line:
    """One field of two conditions, both values in words."""

    field: str
    left: str
    right: str
    word: str = ""  # what the difference means; empty when there is none
    tone: Tone = "plain"


@dataclass(frozen=True)
class Box:
    """Two conditions that answer each other, or one alone."""

    title: str
    state: SafeString
    lines: Sequence[Line]
    takes: int | None
    sentence: str
    differs: bool
    number: int
    is_missing: bool = False


@dataclass(frozen=True)
class Speech:
    """What differences are called: between two copies, between a text and a copy, between two texts."""

    only_left: str
    only_right: str
    differs: Mapping[Weight, str]
    calm: bool = False  # nothing is wrong, something is only otherwise

    def tone(self, weight: Weight) -> Tone:
        """The colour of a difference; of a condition that one side lacks, that of the heaviest."""
        return "info" if self.calm else _TONES[weight]


def of_copies() -> Speech:
    """Between the two partners: what a difference means for approval."""
    return Speech(
        only_left=_("only in one copy"),
        only_right=_("only in one copy"),
        differs={
            Weight.BLOCKS: _("differs, must be the same"),
            Weight.DISCUSS: _("differs, both may accept it"),
            Weight.SPELLING: _("the same, written otherwise"),
        },
    )


def boxes(
    seen: Comparison, names: Mapping[str, str], *, takes: bool, speech: Speech | None = None
) -> list[Box]:
    """A comparison as the page shows it, condition by condition."""
    speech = speech or of_copies()
    return [
        _box(pair, number, names, speech, takes=takes) for number, pair in enumerate(seen.pairs, 1)
    ]


def _box(pair: Pair, number: int, names: Mapping[str, str], speech: Speech, *, takes: bool) -> Box:
    one = pair.ours or pair.theirs
    if one is None:
        raise AssertionError("a pair of nothing")
    found = {each.field: each for each in pair.differences}
    lines = [
        line
        for name in _FIELDS
        if (line := _line(name, pair.ours, pair.theirs, found.get(name), names, speech)) is not None
    ]
    worst = next((w for w in Weight if w in {each.weight for each in pair.differences}), None)
    if pair.is_lonely:
        word = speech.only_right if pair.ours is None else speech.only_left
        state = components.badge(word, speech.tone(Weight.BLOCKS))
    elif worst is None:
        state = components.badge(_("the same"), "good")
    else:
        state = components.badge(speech.differs[worst], speech.tone(worst))
    return Box(
        title=words.summary(one, names),
        state=state,
        lines=lines,
        takes=pair.theirs_at if takes and (pair.is_lonely or pair.differences) else None,
        sentence="",
        differs=pair.is_lonely or worst is not None,
        number=number,
        is_missing=pair.is_lonely,
    )


def _line(
    name: str,
    left: Condition | None,
    right: Condition | None,
    found: Difference | None,
    names: Mapping[str, str],
    speech: Speech,
) -> Line | None:
    mine, other = (
        words.value(name, getattr(one, name), names) if one is not None else ""
        for one in (left, right)
    )
    if name == "people_not_yet_defined" and found is None:
        return None
    if not (mine or other) and found is None:
        return None
    field = _(words.FIELDS[name])
    if found is None:
        return Line(field, mine, other)
    return Line(field, mine, other, speech.differs[found.weight], speech.tone(found.weight))


def verdict(seen: Comparison) -> SafeString:
    """What the comparison means for approval, in a sentence."""
    if seen.only_ends:
        return components.notice(
            _("One of them ends the agreement as a whole; their conditions forbid nothing."),
            tone="bad",
            title=_("The copies do not agree."),
        )
    if blocking := seen.blocking:
        text = ngettext(
            "%(count)s condition forbids approval: numbers, years, kinds and directions must be the "
            "same in both copies.",
            "%(count)s conditions forbid approval: numbers, years, kinds and directions must be the "
            "same in both copies.",
            blocking,
        )
        return components.notice(
            text % {"count": blocking}, tone="bad", title=_("The copies do not agree.")
        )
    if not seen.is_equivalent:
        return components.notice(
            _("Fields, languages, levels, units or other terms differ. They may be approved so, "
              "if both sides accept that."),
            tone="warn",
            title=_("Numbers and years agree; some words do not."),
        )  # fmt: skip
    if not seen.is_strict:
        return components.notice(
            _("Only the spelling of numbers or the order of lists is different. Some partners' systems "
              "accept nothing but the same spelling; taking theirs over is then the easiest way."),
            tone="info",
            title=_("Both copies say the same, in other words."),
        )  # fmt: skip
    return components.notice(
        _("Not even the spelling differs."), tone="good", title=_("Both copies say the same.")
    )


def versions(one: Agreement) -> list[Version]:
    """Every version of both copies, the newest first, ours before the partner's."""
    found = []
    ours = Revision.objects.filter(agreement=one).order_by("-number")[:100]
    for revision in ours:
        word = _("Our version %(number)s, %(day)s: %(cause)s") % {
            "number": revision.number,
            "day": shown(revision.made_at.date()),
            "cause": label(Revision.Cause, revision.cause),
        }
        title = _("Our version %(number)s") % {"number": revision.number}
        found.append(Version(f"o{revision.number}", title, word, revision.copy.terms))
    received = one.received_copy
    theirs = (
        ReceivedRevision.objects.filter(of=received, is_good=True).order_by("-number")[:100]
        if received
        else []
    )
    for came in theirs:
        copy = came.copy
        if copy is None:
            continue
        word = _("Partner's version %(number)s, %(day)s") % {
            "number": came.number,
            "day": shown(came.came_at.date()),
        }
        title = _("Partner's version %(number)s") % {"number": came.number}
        found.append(Version(f"t{came.number}", title, word, copy.terms))
    return found


def comparison(request: Request, pk: int) -> HttpResponse:
    """The two present copies, or any two versions that are chosen."""
    one = agreement_of(request, pk)
    names, all_versions = reader_names(one), versions(one)
    by_key = {version.key: version for version in all_versions}
    received = one.received_copy
    now_ours = f"o{one.current.number}" if one.current else ""
    now_theirs = f"t{received.current.number}" if received and received.current else ""
    left = by_key.get(request.GET.get("left", ""), by_key.get(now_ours))
    right = by_key.get(request.GET.get("right", ""), by_key.get(now_theirs))
    if right is None:
        others = [each for each in all_versions if left is None or each.key != left.key]
        right = others[0] if others else left
    if left is None or right is None:
        return HttpResponseRedirect(reverse("agreements:agreement", args=[pk]))
    is_present = (left.key, right.key) == (now_ours, now_theirs)
    seen = compare(left.terms, right.terms)
    may_edit = request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id)
    may_change = may_edit and is_present and not one.deleted_at
    made = boxes(seen, names, takes=may_change)
    ending = ""
    if seen.termination:
        ours_ends = left.terms.is_terminated
        ending = (
            _("%(copy)s says that the agreement is ended as a whole, the other one does not.")
        ) % {"copy": left.title if ours_ends else right.title}
    return page(
        request,
        "agreements/comparison.html",
        heading=_("Comparison of the copies"),
        lead=_("Agreement %(code)s with %(partner)s")
        % {"code": one.code, "partner": name_of(one.partner)},
        trail=trail(one),
        one=one,
        versions=all_versions,
        left=left,
        right=right,
        is_present=is_present,
        verdict=verdict(seen) if is_present else "",
        ending=ending,
        boxes=made,
        equal=sum(not box.differs for box in made),
        order_differs=seen.order_differs,
        obstacles=[
            _(words.OBSTACLES[code])
            for code in actions.obstacles(one)
            if code not in {"approved", "differs"}
        ]
        if is_present and one.shared_at
        else [],
        may_change=may_change,
        may_take=may_change and not seen.is_strict,
        subjects=subjects(one.terms, names),
        digest=received.current.digest if received and received.current else "",
        seen=one.current.number if one.current else 0,
        may_approve=request.actor.has(May.AGREEMENTS_APPROVE, one.institution_id, one.unit_id)
        and is_present
        and not actions.obstacles(one),
    )


@require_POST
def take_theirs(request: Request, pk: int) -> HttpResponse:
    """Takes the partner's terms over, wholly or in chosen conditions, or stands by ours."""
    one = agreement_of(request, pk)
    if not request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    back = HttpResponseRedirect(reverse("agreements:comparison", args=[pk]))
    deed, before = request.POST.get("deed", ""), one.terms
    places = frozenset(int(text) for text in request.POST.getlist("place") if text.isdecimal())
    note = clean_text(request.POST.get("note", "")[:5000])
    digest, number = request.POST.get("digest", ""), request.POST.get("seen", "")
    if deed == "chosen" and not places:
        messages.warning(request, _("Mark at least one condition to take over."))
        return back
    facts: dict[str, Any] = {"actor": request.actor, "agreement": one, "now": request.now}
    try:
        if deed == "ours":
            actions.propose_again(**facts, digest=digest, note=note)
            told = _("Our copy was proposed again as it is.")
        elif deed in {"chosen", "whole"}:
            actions.take_theirs(
                **facts,
                digest=digest,
                places=places if deed == "chosen" else None,
                seen=int(number) if number.isdecimal() else None,
            )
            told = _("Our copy says now what the partner's says.")
            if deed == "chosen":
                told = _("The marked conditions were taken over.")
        else:
            told = _("The note is kept.")
        if note:
            place = subject_of(request.POST.get("condition", ""), before)
            actions.remark(**facts, text=note, for_partner=True, condition=place)
    except actions.NotReady:
        messages.warning(
            request,
            _("With these conditions our copy would be incomplete. Edit our copy instead."),
        )
    except Refusal as refusal:
        said = sentence_of(refusal)
        messages.warning(request, f"{said.sentence} {said.remedy}".strip())
    else:
        if deed or note:
            messages.success(request, told)
    return back
