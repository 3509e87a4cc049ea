"""Spreadsheets with agreements, read as every table here is, and carried out in the background when they are long."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from vaihto.channels import spreadsheet
from vaihto.channels.models import AgreementFile, Landing
from vaihto.imports.tables import open_table
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import handles, start
from vaihto.jobs.models import Work
from vaihto.jobs.progress import Progress, seen
from vaihto.journal.actors import Actor, May
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.people.secrecy import unseal

KIND = "agreements.bring-file"
AT_ONCE = 100
"""So many agreements are brought in while the page is waited for; more take their time in the background."""


def plans_of(
    content: bytes, *, institution: Institution, landing: Landing
) -> list[spreadsheet.Plan]:
    """What would become of each agreement in the file; writes nothing. Refuses what cannot be read."""
    with tempfile.TemporaryDirectory(prefix="agreements-") as folder:
        path = Path(folder) / "brought"
        path.write_bytes(content)
        table = open_table(path, known_headers=spreadsheet.known_headers())
        lines = (
            spreadsheet.Line(one.number, one.cells, frozenset(one.formulas))
            for one in table.lines()
        )
        return spreadsheet.plan(table.header, lines, institution=institution, landing=landing)


def plans_of_file(file: AgreementFile) -> list[spreadsheet.Plan]:
    """The same for a file that was kept."""
    content = unseal(bytes(file.content))
    return plans_of(content, institution=file.institution, landing=Landing(file.landing))


def work_of(file: AgreementFile) -> Work | None:
    """The newest work that carries the file out, with how far it is."""
    work = Work.objects.filter(kind=KIND, subject_id=str(file.pk)).first()
    return seen(work) if work is not None else None


@transaction.atomic
def begin(*, actor: Actor, file: AgreementFile) -> Work:
    """Has the file carried out in the background; asked for twice it is done once."""
    actor.require(May.AGREEMENTS_EDIT, file.institution_id, None)
    AgreementFile.objects.select_for_update().get(pk=file.pk)
    under_way = work_of(file)
    if under_way is not None and not under_way.has_ended:
        return under_way
    return start(kind=KIND, actor=actor, subject_id=file.pk, institution_id=file.institution_id)


@handles(KIND)
def _carry_out(progress: Progress) -> dict[str, Any]:
    now = timezone.now()
    file = AgreementFile.objects.select_related("institution").get(pk=progress.work.subject_id)
    actor = Actor.system()
    if progress.work.account_id is not None:
        account = Account.objects.get(pk=progress.work.account_id)
        actor = actor_of(account, today=timezone.localdate(now))
    told = spreadsheet.carry_out(
        actor=actor, file=file, plans=plans_of_file(file), now=now, tell=progress.at
    )
    verdicts = [one["verdict"] for one in told]
    return {each: verdicts.count(each) for each in sorted(set(verdicts))}
