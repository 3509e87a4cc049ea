"""The page of a long work: what is done and what is left. It may be closed; the work goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from vaihto.jobs.models import Work
from vaihto.jobs.progress import seen
from vaihto.refusals import Unknown
from vaihto.web import components
from vaihto.web.frame import Request, page
from vaihto.web.wording import label, told

_TONES: dict[str, components.Tone] = {
    Work.State.WAITING: "plain",
    Work.State.RUNNING: "info",
    Work.State.DONE: "good",
    Work.State.REFUSED: "warn",
    Work.State.FAILED: "bad",
}


@dataclass(frozen=True)
class Kind:
    """How people call a kind of work, and where its result is shown."""

    title: Callable[[Work], str]
    result: Callable[[Work], tuple[str, str] | None]  # word and address


_KINDS: dict[str, Kind] = {}


def shows(
    kind: str,
    *,
    title: Callable[[Work], str],
    result: Callable[[Work], tuple[str, str] | None],
) -> None:
    """Says how work of a kind is called and where its result is; said once by the page that starts it."""
    _KINDS[kind] = Kind(title, result)


def progress_of(work: Work) -> components.Progress:
    """The work as the progress component shows it."""
    work = seen(work)
    kind = _KINDS.get(work.kind)
    link = kind.result(work) if kind and work.has_ended else None
    problem = told(
        work.refusal.get("sentence", ""),
        work.refusal.get("remedy", ""),
        work.refusal.get("facts", {}),
    )
    sentence, remedy = problem.sentence, problem.remedy
    if work.state == Work.State.FAILED:
        sentence = _("This stopped because of a fault of ours. Nothing was half done.")
        remedy = _("Try again; if it happens again, tell the operator the number of this work.")
    return components.Progress(
        label=kind.title(work) if kind else work.kind,
        state=label(Work.State, work.state),
        tone=_TONES[work.state],
        percent=work.percent,
        done=work.done,
        total=work.total,
        step=work.step,
        running=not work.has_ended,
        polls=reverse("web:work", args=[work.pk]),
        links=(link,) if link else (),
        problem=sentence,
        remedy=remedy,
    )


def progress(request: Request, pk: int) -> HttpResponse:
    """The progress of one work: a page, or only the bar for htmx."""
    work = Work.objects.visible_to(request.actor).filter(pk=pk).first()
    if work is None:
        raise Unknown("work.unknown")
    one = progress_of(work)
    if request.htmx:
        return HttpResponse(components.progress(one))
    return page(
        request,
        "web/work.html",
        heading=one.label,
        bar=components.progress(one),
        refresh=3 if one.running else None,
        work=work,
    )
