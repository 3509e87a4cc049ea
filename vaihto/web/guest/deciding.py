"""What a guest decides: to approve, to sign, to take something back, to end, to pass the matter on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.agreements.attachments import MOST_BYTES
from vaihto.agreements.serving import standing
from vaihto.channels import guest
from vaihto.channels.models import GuestLink
from vaihto.refusals import Refusal, Stale
from vaihto.web import components
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request
from vaihto.web.guest.door import behind_the_door, guest_page
from vaihto.web.guest.reading import (
    back,
    comparison_of,
    context,
    names_for,
    refused,
    stands,
    told,
)
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of
from vaihto.web.wording import filled, sentence_of


class ApproveForm(forms.Form):
    """Who approves, as what, and that it is so."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=200,
        error_messages={"required": gettext_lazy("Write your name.")},
    )
    function = forms.CharField(
        label=gettext_lazy("Your function"),
        max_length=200,
        help_text=gettext_lazy("As what you act for your institution, for example Vice-Rector."),
        error_messages={"required": gettext_lazy("Write as what you act for your institution.")},
    )
    file = forms.FileField(
        label=gettext_lazy("Signed PDF"),
        help_text=gettext_lazy("The downloaded paper, signed; up to 10 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf,.pdf"}),
        error_messages={"required": gettext_lazy("Choose the signed paper, a PDF file.")},
    )
    sure = forms.BooleanField(
        label="",
        error_messages={"required": gettext_lazy("Mark that you may act and approve this.")},
    )

    def __init__(self, *args: Any, by_paper: bool, statement: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sure"].label = statement
        if not by_paper:
            del self.fields["file"]


@behind_the_door
def approve(request: Request, link: GuestLink, secret: str) -> HttpResponseBase:
    """Shows exactly what is approved, and approves that."""
    return _approving(request, link, secret, by_paper=False)


@behind_the_door
def sign(request: Request, link: GuestLink, secret: str) -> HttpResponseBase:
    """The same with a paper that was signed by hand."""
    return _approving(request, link, secret, by_paper=True)


def _approving(
    request: Request, link: GuestLink, secret: str, *, by_paper: bool
) -> HttpResponseBase:
    one = link.agreement
    sides = {"partner": name_of(one.partner), "institution": name_of(one.institution)}
    statement = filled(guest.STATEMENT_PAPER if by_paper else guest.STATEMENT, sides)
    is_sent = request.method == "POST"
    form = ApproveForm(
        request.POST if is_sent else None,
        request.FILES if is_sent else None,
        by_paper=by_paper,
        statement=statement,
        initial={"name": link.name, "function": link.function},
    )
    notice, status = "", 200
    if is_sent:
        status = 400
        if form.is_valid():
            try:
                guest.approve(
                    link=link,
                    seen=request.POST.get("seen", ""),
                    name=form.cleaned_data["name"],
                    function=form.cleaned_data["function"],
                    statement=statement,
                    now=request.now,
                    paper=_paper(form),
                )
            except Stale as refusal:
                notice = components.notice(
                    _("Below stands the present proposal. Nothing was approved."),
                    tone="warn",
                    title=sentence_of(refusal).sentence,
                )
                status = 409
            except Refusal as refusal:
                tell(form, refusal)
                status = 409
            else:
                messages.success(request, _("Your approval is kept. Thank you."))
                return back(secret)
    found = standing(one)
    seen = comparison_of(one)
    return guest_page(
        request,
        "guest/approve.html",
        status=status,
        heading=_("Sign on paper") if by_paper else _("Approve the agreement"),
        secret=secret,
        **context(link),
        form=form,
        notice=notice,
        by_paper=by_paper,
        possible=stands(one, found).may_approve,
        proposal=told(one.terms, names_for(link)),
        ends=one.terms.is_terminated,
        differs=seen is not None and not seen.is_equivalent,
        seen=one.current.digest if one.current else "",
    )


def _paper(form: ApproveForm) -> tuple[str, bytes] | None:
    file = form.cleaned_data.get("file")
    if file is None:
        return None
    # One byte more than is kept, so that a larger file is refused with its own words and never read whole.
    return str(file.name), file.read(MOST_BYTES + 1)


# Deeds that ask first -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    heading: Any
    sentence: Any
    word: Any
    done: Any
    act: Callable[[GuestLink, Request], object]
    may: str
    danger: bool = False
    reason: bool = False


def _seen(request: Request) -> str:
    return str(request.POST.get("seen", ""))


_DEEDS: dict[str, _Asked] = {
    "withdraw": _Asked(
        heading=gettext_lazy("Take the approval back"),
        sentence=gettext_lazy(
            "You will no longer approve the present proposal. What is in force stays in force."
        ),
        word=gettext_lazy("Take the approval back"),
        done=gettext_lazy("Your approval is taken back."),
        act=lambda link, request: guest.withdraw_approval(link=link, now=request.now),
        may="may_withdraw",
    ),
    "end": _Asked(
        heading=gettext_lazy("Propose to end the agreement"),
        sentence=gettext_lazy(
            "Your version will say that the agreement is ended as a whole. It ends when both sides have approved "
            "that; until then it stays in force."
        ),
        word=gettext_lazy("Propose the end"),
        done=gettext_lazy("Your proposal to end the agreement was sent."),
        act=lambda link, request: guest.propose_end(
            link=link,
            seen=_seen(request),
            now=request.now,
            reason=request.POST.get("reason", "")[:2000],
        ),
        may="may_end",
        danger=True,
        reason=True,
    ),
    "take-back": _Asked(
        heading=gettext_lazy("Take your change back"),
        sentence=gettext_lazy("Your version will say again what is in force."),
        word=gettext_lazy("Take the change back"),
        done=gettext_lazy("Your version says again what is in force."),
        act=lambda link, request: guest.take_back_change(
            link=link, seen=_seen(request), now=request.now
        ),
        may="may_take_back",
    ),
}


@behind_the_door
def deed(request: Request, link: GuestLink, secret: str, deed: str) -> HttpResponseBase:
    """Asks, and does it."""
    asked = _DEEDS.get(deed)
    if asked is None:
        raise Http404
    one = link.agreement
    if request.method == "POST":
        try:
            asked.act(link, request)
        except Refusal as refusal:
            refused(request, refusal)
        else:
            messages.success(request, str(asked.done))
        return back(secret)
    return guest_page(
        request,
        "guest/deed.html",
        heading=asked.heading,
        secret=secret,
        **context(link),
        sentence=asked.sentence,
        word=asked.word,
        danger=asked.danger,
        reason=asked.reason,
        seen=one.current.digest if one.current else "",
        possible=getattr(stands(one, standing(one)), asked.may),
    )


# Passing on ---------------------------------------------------------------------------------------


class PassOnForm(forms.Form):
    """Who shall read it."""

    name = forms.CharField(label=gettext_lazy("Your colleague's name"), max_length=200)
    address = forms.EmailField(label=gettext_lazy("Your colleague's e-mail address"))
    function = forms.CharField(label=gettext_lazy("Function"), max_length=200, required=False)
    language = ChoiceField(label=gettext_lazy("Language of the letter"))
    keep = forms.BooleanField(
        label=gettext_lazy("My own link stays open too"), required=False, initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [  # type: ignore[attr-defined]
            (code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES
        ]


@behind_the_door
def pass_on(request: Request, link: GuestLink, secret: str) -> HttpResponseBase:
    """A colleague gets a link of its own; the office reads of it."""
    is_sent = request.method == "POST"
    form = PassOnForm(
        request.POST if is_sent else None, initial={"language": link.language, "keep": True}
    )
    if is_sent and form.is_valid():
        given = form.cleaned_data
        try:
            guest.pass_on(link=link, now=request.now, **given)
        except Refusal as refusal:
            tell(form, refusal)
        else:
            if given["keep"]:
                messages.success(request, _("Your colleague gets a letter with a link of its own."))
                return back(secret)
            return _given_up(request, link)
    return guest_page(
        request,
        "guest/pass_on.html",
        status=400 if is_sent else 200,
        heading=_("Pass on to a colleague"),
        secret=secret,
        **context(link),
        form=form,
    )


def _given_up(request: Request, link: GuestLink) -> HttpResponse:
    return guest_page(
        request,
        "guest/given_up.html",
        heading=_("Passed on"),
        institution=name_of(link.agreement.institution),
    )
