"""One agreement: where it stands, whose turn it is, both copies, what is in force, and everything that was done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import Http404, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vaihto.agreements import actions, words
from vaihto.agreements.checks import check
from vaihto.agreements.models import (
    Agreement,
    Approval,
    Attachment,
    Pair,
    Programme,
    ReceivedRevision,
    Remark,
    Side,
)
from vaihto.agreements.paper import names_of, pdf
from vaihto.agreements.serving import binding_terms, compared, days_left, standing
from vaihto.agreements.standing import Next, Standing, State, Turn
from vaihto.agreements.terms import Condition, Copy, Terms, Texts
from vaihto.channels import reaching
from vaihto.channels.models import Channel
from vaihto.ewp.apis.iias import trials
from vaihto.ewp.explained import of_notification
from vaihto.ewp.outcomes import filled as filled_with
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
from vaihto.web import components
from vaihto.web.agreements.conditions import units_of
from vaihto.web.agreements.contacts import in_words
from vaihto.web.agreements.register import TONES
from vaihto.web.agreements.remarks import subjects, subjects_of
from vaihto.web.agreements.sheets import general_rows
from vaihto.web.agreements.troubles import problem_word
from vaihto.web.components import Cell, Column, Event, Fact, Row
from vaihto.web.deeds import events
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import filled, label, shown

_WHOLE = ("institution", "partner", "unit", "current", "given", "taken", "mutual")


def agreement_of(request: Request, pk: int) -> Agreement:
    """The agreement, for those who may know of it; to others there is none."""
    found = (
        Agreement.objects.visible_to(request.actor)
        .select_related(*_WHOLE, "mutual__ours", "mutual__theirs")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Http404
    return found


def trail(one: Agreement | None = None) -> list[tuple[str, str]]:
    """Where pages about an agreement lie."""
    links = [(_("Agreements"), reverse("agreements:register"))]
    if one is not None:
        links.append((str(one), reverse("agreements:agreement", args=[one.pk])))
    return links


def conditions_table(terms: Terms, names: dict[str, str], *, caption: str) -> Any:
    """Conditions one a row, in words; on a phone one below the other."""
    table = components.table(
        caption,
        [
            Column(label=_("Kind of mobility")),
            Column(label=_("Direction")),
            Column(label=_("Years")),
            Column(label=_("People per year")),
            Column(label=_("Fields of study")),
            Column(label=_("Levels and languages")),
        ],
        [_condition_row(one, names) for one in terms.conditions],
        hide_caption=True,
        empty_text=_("No conditions yet."),
    )
    return format_html('<div class="stacked">{}</div>', table)


def _condition_row(one: Condition, names: dict[str, str]) -> Row:
    time = ""
    if one.months:
        time = _("%(number)s months together") % {"number": words.number(one.months)}
    elif one.days:
        time = _("%(number)s days together") % {"number": words.number(one.days)}
    also = [words.value("skills", one.skills)]
    if one.takes_blended:
        also.append(_("blended possible"))
    direction = " → ".join(
        words.value(field, getattr(one, field), names) for field in ("sending", "receiving")
    )
    units = [
        words.value(field, getattr(one, field), names)
        for field in ("sending_unit", "receiving_unit")
    ]
    return Row(
        [
            Cell(words.value("kind", one.kind), note=one.other_terms or ""),
            Cell(direction, note="; ".join(filter(None, (*units, _who(one))))),
            Cell(words.years(one), nowrap=True),
            Cell(words.people(one), note=time),
            words.value("areas", one.areas) or _("every field"),
            Cell(words.value("levels", one.levels), note="; ".join(filter(None, also))),
        ]
    )


def _who(one: Condition) -> str:
    """Whom to ask about this condition alone."""
    people = "; ".join(in_words(who) for who in (*one.sending_contacts, *one.receiving_contacts))
    return _("contacts: %(people)s") % {"people": people} if people else ""


def reader_names(one: Agreement) -> dict[str, str]:
    """Names of both institutions and of their units, as the reader knows them."""
    return names_of(one) | {who.hei_id: name_of(who) for who in (one.institution, one.partner)}


@dataclass(frozen=True)
class Deed:
    """A button: what it does, its word, and whether it asks first."""

    name: str
    word: str
    main: bool = False
    danger: bool = False
    asks: bool = False


def deeds(one: Agreement, found: Standing, actor: Actor) -> list[Deed]:
    """What the actor may do now, the next step first."""
    may_edit = actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id)
    may_approve = actor.has(May.AGREEMENTS_APPROVE, one.institution_id, one.unit_id)
    state, offered = found.state, []
    if state in {State.DELETED, State.IGNORED, State.RECEIVED}:
        return []
    if may_edit and state is State.DRAFT:
        offered.append(Deed("propose", _("Propose to the partner"), main=True))
    if may_edit and one.shared_at and found.next[0] is Turn.PARTNER:
        offered.append(Deed("remind", _("Remind the partner"), asks=True))
    if may_edit and one.mutual and found.ours != one.mutual.ours.digest:
        offered.append(Deed("revert", _("Go back to what is in force"), asks=True))
    if may_approve and _may_withdraw(one):
        offered.append(Deed("withdraw-approval", _("Take our approval back"), asks=True))
    if may_edit and one.mutual_id and state is State.IN_FORCE:
        offered.append(Deed("terminate", _("End the agreement"), danger=True, asks=True))
    if may_edit and state is State.TERMINATION and not found.ours_terminates:
        offered.append(Deed("terminate", _("Agree to the end"), danger=True, asks=True))
    if may_edit and one.received_copy is not None:
        offered.append(Deed("unlink", _("Unlink the partner's copy"), asks=True))
    if may_edit and not one.mutual_id:
        offered.append(Deed("delete", _("Delete"), danger=True, asks=True))
    return offered


def _may_withdraw(one: Agreement) -> bool:
    before = one.mutual.given.digest if one.mutual else ""
    return one.given is not None and one.given.digest != before


def _facts(one: Agreement, found: Standing) -> Any:
    language = get_language() or "en"
    channel = reaching.channel_of(one.institution, one.partner)
    return components.facts(
        [
            Fact(
                _("Partner"),
                name_of(one.partner),
                href=reverse("office:institution", args=[one.partner_id]),
            ),
            (_("Country"), one.partner.country_name(language)),
            (_("Programme"), label(Programme, one.programme)),
            (_("Our code"), one.code),
            (_("Partner's code"), one.partner_code or _("none yet")),
            (_("Our unit"), _unit_name(one) or _("the whole institution")),
            (_("Partner's unit"), _partner_unit_name(one) or _("the whole institution")),
            *_follows(one),
            (_("Reached over"), label(Channel, channel)),
            (_("Proposed"), one.shared_at.date() if one.shared_at else _("not yet")),
            (_("In force since"), _first_day(one) or _("not in force")),
            *([(_("Signed on"), one.signing_date)] if one.signing_date else []),
            *([(_("Note for colleagues"), one.note)] if one.note else []),
        ]
    )


def _unit_name(one: Agreement) -> str:
    return (one.unit.names.get(get_language() or "en") or one.unit.name) if one.unit else ""


def _partner_unit_name(one: Agreement) -> str:
    unit = one.partner_unit
    return dict(units_of(one.partner)).get(unit, unit) if unit else ""


@dataclass(frozen=True)
class Named:
    """Whom one side names: a line for each, with what to write to them about."""

    title: str
    people: list[tuple[str, str, str]]  # name, address, role
    sentence: str  # where there is nobody


def _contacts(one: Agreement) -> list[Named]:
    """The contacts of the whole agreement, of our copy and of the partner's."""
    received = one.received_copy
    theirs = received.current.copy if received and received.current else None
    ours = one.current.copy if one.current else None
    return [
        Named(_("Our contacts"), people_of(ours), _("The partner sees no contact of ours.")),
        Named(_("Partner's contacts"), people_of(theirs), _("The partner has named nobody.")),
    ]


def people_of(copy: Copy | None) -> list[tuple[str, str, str]]:
    """Whom the author of a copy names: name, address and what to ask them."""
    if copy is None:
        return []
    signer = copy.author.signing_contact
    found = [(signer, _("signs the agreement"))] if signer else []
    found += [(who, _in_language(who.roles)) for who in copy.author.contacts]
    for one in copy.terms.conditions:
        sends = one.sending == copy.author.hei_id
        named = one.sending_contacts if sends else one.receiving_contacts
        found += [(who, _(words.KINDS[one.kind])) for who in named]
    found = list(dict.fromkeys(found))
    return [(who.name, who.emails[0] if who.emails else "", role) for who, role in found]


def _in_language(texts: Texts) -> str:
    """The text in the reader's language, else the first."""
    known = dict(reversed(texts))
    return known.get(get_language() or "en") or (texts[0][1] if texts else "")


def _follows(one: Agreement) -> list[Fact]:
    whole = one.alliance_agreement
    if whole is None:
        return []
    facts = [whole.alliance.code, whole.pk, one.institution_id, one.partner_id]
    return [Fact(_("Follows"), whole.name, href=reverse("alliance:copy", args=facts))]


def _first_day(one: Agreement) -> Any:
    first = one.pairs.order_by("at").first()
    return first.at.date() if first else ""


def _sides(one: Agreement, found: Standing) -> list[dict[str, Any]]:
    """Both halves of the conversation, side by side: who serves which copy, and who approved what."""
    received = one.received_copy
    over = reaching.channel_of(one.institution, one.partner)
    ours = {
        "title": name_of(one.institution),
        "is_ours": True,
        "served": bool(one.shared_at),
        "version": one.current.number if one.current else None,
        "at": one.served_at,
        "approved": found.approved_by_partner,
        "told": _told(one) if one.shared_at else ("", "plain"),
        "says": _("The partner has approved our present copy.")
        if found.approved_by_partner
        else _("The partner has not approved our present copy."),
    }
    theirs = {
        "title": name_of(one.partner),
        "is_ours": False,
        "served": received is not None and received.current is not None,
        "version": received.current.number if received and received.current else None,
        "at": received.current.came_at if received and received.current else None,
        "asked": received.asked_at if received and over is Channel.EWP else None,
        "approved": found.approved_by_us,
        "says": _("We have approved the partner's present copy.")
        if found.approved_by_us
        else _("We have not approved the partner's present copy."),
        "failure": problem_word(received.failure) if received and received.failure else "",
    }
    return [ours, theirs]


def _approvals(one: Agreement) -> Any:
    rows = []
    versions = _versions(one)
    names = {who.hei_id: name_of(who) for who in (one.institution, one.partner)}
    for approval in one.approvals.order_by("-at", "-pk"):
        side = name_of(one.institution) if approval.side == Side.OURS else name_of(one.partner)
        number = versions.get((approval.side, approval.digest))
        short = _("hash %(hash)s") % {"hash": approval.digest[:16]} if approval.digest else ""
        taken_back = _("taken back") if approval.withdraws else ""
        word = _("Version %(number)s") % {"number": number} if number else _("an earlier version")
        if not approval.digest:
            word = _("Nothing is approved")
        elif approval.side == Side.OURS:
            word = _("Partner's copy: %(version)s") % {"version": word}
        else:
            word = _("Our copy: %(version)s") % {"version": word}
        rows.append(
            Row(
                [
                    Cell(shown(approval.at), nowrap=True),
                    side,
                    Cell(names.get(approval.by, approval.by), note=approval.mandate),
                    # Versions are counted on each side by itself; the hash is what both sides can compare.
                    Cell(word, note=", ".join(filter(None, (short, taken_back)))),
                    Cell(
                        _("Proof"),
                        href=reverse("agreements:proof", args=[one.pk, approval.pk]),
                    ),
                ]
            )
        )
    return components.table(
        _("Approvals"),
        [
            Column(label=_("When")),
            Column(label=_("Institution")),
            Column(label=_("By")),
            Column(label=_("Approved copy")),
            Column(label=_("Kept")),
        ],
        rows,
        hide_caption=True,
        empty_text=_("Nobody has approved anything yet."),
    )


def _versions(one: Agreement) -> dict[tuple[str, str], int]:
    """The newest version with each hash, of the copy that this side approves."""
    theirs = ReceivedRevision.objects.filter(of__agreement=one).order_by("number")
    ours = one.revisions.order_by("number")
    return {
        (str(Side.OURS), digest): number
        for digest, number in theirs.values_list("digest", "number")
    } | {
        (str(Side.PARTNER), digest): number
        for digest, number in ours.values_list("digest", "number")
    }


def _told(one: Agreement) -> tuple[str, str]:
    """What became of the last word of our copy to the partner: a sentence and a tone; nothing where none goes."""
    last = (
        Notification.objects.filter(
            direction=Notification.Direction.OUT,
            hei_id=one.institution.hei_id,
            partner=one.partner.hei_id,
            object_id__in=[one.iia_id, one.partner_iia_id or one.iia_id],
        )
        .order_by("-changed_at", "-pk")
        .first()
    )
    if last is None:
        return "", "plain"
    if last.state == Notification.State.DONE and last.ended_at:
        return _("The partner was told on %(day)s.") % {"day": shown(last.ended_at)}, "plain"
    if last.state == Notification.State.WAITING and not last.attempts:
        return _("Word of it is on its way to the partner."), "plain"
    why = of_notification(last)
    sentence = " ".join(
        filled_with(_(text), why.facts) for text in (why.sentence, why.remedy) if text
    )
    return _("The partner could not be told yet: %(why)s") % {"why": sentence}, "warn"


def _remarks(one: Agreement) -> list[Event]:
    """Notes of both sides; a partner on this installation wrote its own beside its copy."""
    notes = list(one.remarks.all())
    about = subjects_of(notes)
    events_ = [
        Event(
            at=remark.at,
            title=" ".join(filter(None, (_remark_word(remark), about[remark.pk]))),
            text=remark.text,
            by=remark.by,
            tone="info" if remark.side == Side.PARTNER else "plain",
        )
        for remark in notes
    ]
    if one.partner.hosted and one.partner_iia_id:
        theirs = Remark.objects.filter(
            agreement__institution=one.partner_id,
            agreement__iia_id=one.partner_iia_id,
            for_partner=True,
            side=Side.OURS,
        ).select_related("agreement__current")
        about = subjects_of(theirs)
        events_ += [
            Event(
                at=remark.at,
                title=" ".join(filter(None, (_("The partner wrote"), about[remark.pk]))),
                text=remark.text,
                by=name_of(one.partner),
                tone="info",
            )
            for remark in theirs
        ]
    return events_


def _remark_word(remark: Remark) -> str:
    if remark.side == Side.PARTNER:
        return _("The partner wrote")
    return _("Written to the partner") if remark.for_partner else _("Note for colleagues")


def _history(one: Agreement, actor: Actor) -> Any:
    entries = Entry.objects.about(one).exclude(verb="agreements.remark")
    names = {who.hei_id: name_of(who) for who in (one.institution, one.partner)}
    written = [
        replace(event, by=names.get(event.by, event.by))
        for event in events(entries.order_by("-at", "-pk")[:200], short=True)
    ]
    both = sorted([*written, *_remarks(one)], key=lambda event: str(event.at), reverse=True)
    return components.timeline(both)


def agreement(request: Request, pk: int) -> HttpResponse:
    """The page of one agreement."""
    one = agreement_of(request, pk)
    found = standing(one)
    names = reader_names(one)
    turn, _next = found.next
    way = reaching.channel_of(one.institution, one.partner)
    left = days_left(one, today=request.today)
    bound = binding_terms(one)
    moved = bound is None or one.mutual is None or found.ours != one.mutual.ours.digest
    if not moved:
        bound = one.terms  # the same conditions, with the contacts of today
    seen = compared(one)
    forbidden = actions.obstacles(one)
    obstacles = [words.obstacle(code, seen) for code in forbidden if code != "approved"]
    may_edit = request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id)
    may_approve = request.actor.has(May.AGREEMENTS_APPROVE, one.institution_id, one.unit_id)
    alive = one.deleted_at is None
    return page(
        request,
        "agreements/agreement.html",
        heading=_("Agreement with %(partner)s") % {"partner": name_of(one.partner)},
        lead=one.code,
        trail=trail(),
        one=one,
        state=components.badge(words.state(found.state.value), TONES.get(found.state, "plain")),
        turn=words.turn(turn),
        is_our_turn=turn is Turn.OURS,
        to_do=_to_do(found, by_link=way is Channel.GUEST),
        nobody_told=way is Channel.GUEST
        and turn is Turn.PARTNER
        and not one.guest_links.open_at(request.now).exists(),
        since=one.turn_since.date() if one.turn_since and turn is not Turn.NOBODY else None,
        until=one.turn_until if turn is not Turn.NOBODY else None,
        late=left is not None and left < 0,
        facts=_facts(one, found),
        contacts=_contacts(one),
        sides=_sides(one, found),
        has_comparison=seen is not None,
        differs=seen is not None and not seen.is_equivalent,
        obstacles=obstacles if one.shared_at and alive and not found.approved_by_us else [],
        # The page of approval asks the partner anew, so an answer that is missing forbids nothing yet.
        may_approve_now=may_approve and not set(forbidden) - {"no-answer"},
        reached_by_machine=way in {Channel.EWP, Channel.HERE},
        bound=conditions_table(bound, names, caption=_("In force")) if bound else None,
        ended=bound is None and one.mutual is not None,
        moved=moved,
        served=conditions_table(one.terms, names, caption=_("Our copy")),
        gaps=_gaps(one) if may_edit and alive else [],
        approvals=_approvals(one),
        history=_history(one, request.actor),
        trial=trials.of_agreement(one) if one.is_trial else None,
        subjects=subjects(one.terms, names) if may_edit else [],
        deeds=deeds(one, found, request.actor),
        may_edit=may_edit and alive,
        papers=_papers(one),
        # The way to a partner is one for all agreements with it.
        channels=_channels(one)
        if alive and request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, None)
        else [],
        versions=(one.current.number if one.current else 0) > 1 or (one.received_copy is not None),
    )


def _to_do(found: Standing, *, by_link: bool) -> str:
    turn, deed = found.next
    if by_link and turn is Turn.PARTNER and deed is Next.TAKE_UP:
        return _("The partner has to read our proposal and answer it.")
    return words.to_do(turn.value, deed.value, found.state.value)


def _papers(one: Agreement) -> Any:
    rows = Attachment.objects.filter(agreement=one).defer("content").order_by("-at", "-pk")
    return components.table(
        _("Papers"),
        [Column(label=_("File")), Column(label=_("Kept since")), Column(label=_("By"))],
        [
            Row(
                [
                    Cell(each.name, href=reverse("agreements:attachment", args=[one.pk, each.pk])),
                    Cell(shown(each.at), nowrap=True),
                    Cell(each.by, note=filesizeformat(each.size)),
                ]
            )
            for each in rows
        ],
        hide_caption=True,
        empty_text=_("No paper is kept with this agreement."),
    )


def _channels(one: Agreement) -> list[tuple[str, str, bool]]:
    """Ways to reach the partner among which the office may choose, and which one is used."""
    usable = reaching.possible(one.institution, one.partner)
    if Channel.HERE in usable or len(usable) < 2:
        return []
    used = reaching.channel_of(one.institution, one.partner)
    return [(each.value, label(Channel, each), each == used) for each in usable]


def _gaps(one: Agreement) -> list[tuple[str, str, str]]:
    """What is missing or doubtful: a tone, the sentence, and where to mend it."""
    edit_ = f"{reverse('agreements:edit', args=[one.pk])}?check=all"
    parties = frozenset({one.institution.hei_id, one.partner.hei_id})
    found = []
    for each in check(one.terms, parties=parties):
        sentence = filled(each.sentence, {"value": each.value})
        if each.place is not None:
            place = _("Condition %(number)s: %(sentence)s")
            sentence = place % {"number": each.place + 1, "sentence": sentence}
        anchor = f"#condition-{each.place}" if each.place is not None else ""
        found.append(("bad" if each.blocks else "info", sentence, edit_ + anchor))
    found.sort(key=lambda line: line[0] != "bad")
    if not one.contacts:
        found.append(
            (
                "info",
                _("The partner sees no contact of ours."),
                reverse("agreements:particulars", args=[one.pk]),
            )
        )
    return found[:30]


def paper(request: Request, pk: int) -> HttpResponse:
    """The agreement as a PDF: what is in force, or with `?text=served` what we serve now."""
    one = agreement_of(request, pk)
    of: Pair | None = None if request.GET.get("text") == "served" else one.mutual
    wanted = request.GET.get("language") or get_language() or "en"
    language = wanted if wanted in {"en", "fi", "sv"} else "en"
    general = general_rows(one, language=language)
    content = pdf(one, of=of, language=language, general=general)
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{one.code}.pdf"'
    return answer


def proof(request: Request, pk: int, approval: int) -> HttpResponse:
    """The exact bytes that were approved, or the partner's answer that says so, as they are kept."""
    one = agreement_of(request, pk)
    found = Approval.objects.filter(agreement=one, pk=approval).first()
    if found is None:
        raise Http404
    wants_answer = request.GET.get("of") == "answer" and found.proof
    content = bytes(found.proof if wants_answer else found.document)
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{one.code}-{found.pk}.xml"'
    return answer
