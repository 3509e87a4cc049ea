"""Builds the demo alliance into the database."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext

from vaihto.demo import building, emptying, files, partners
from vaihto.demo.accounts import NotADemo
from vaihto.demo.alliance import HOSTED
from vaihto.demo.invention import SIZES
from vaihto.demo.stories import STORIES


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Builds the demo alliance: nine invented institutions, their people and mobilities."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--size",
            choices=sorted(SIZES),
            default="small",
            help="bare: institutions and what they publish, nobody else; tiny: for tests; "
            "small: about 5,000 persons; large: 127,000 persons and a million mobilities",
        )
        parser.add_argument(
            "--fresh", action="store_true", help="empty the database of the demo first"
        )

        parser.add_argument(
            "--hosts", nargs="+", default=[], metavar="HEI_ID", help="members hosted here"
        )
        parser.add_argument(
            "--partner",
            action="append",
            default=[],
            metavar="HEI_ID",
            help="one more partner; repeatable, also for a demo that is there already",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(str(NotADemo("demo.not-a-demo")) + " Set VAIHTO_DEMO=yes.")
        if options["fresh"]:
            emptying.empty()
        call_command("migrate", interactive=False, verbosity=0)
        if building.is_built():
            self.stdout.write("The demo is already here.")
            self._add_partners(options["partner"])
            return
        began = time.monotonic()
        built = building.build(size=SIZES[options["size"]], tell=self._tell, hosts=options["hosts"])
        self._add_partners(options["partner"])
        if options["size"] == "small" and not options["hosts"]:
            files.write_files()
        seconds = time.monotonic() - began
        counted = ", ".join(f"{number:,} {kind}" for kind, number in built.counts.items())
        self.stdout.write(f"Built in {seconds:.0f} s: {counted}.")
        told = [story for story in STORIES if story.institution in _hosted(options)]
        if told and options["size"] != "bare":
            self.stdout.write(gettext("People worth searching for:"))
        for story in told if options["size"] != "bare" else ():
            self.stdout.write(f"  {story.person}: {gettext(story.shows)}")

    def _add_partners(self, hei_ids: list[str]) -> None:
        added = partners.add_partners(hei_ids, now=timezone.now(), is_demo=settings.DEMO)
        for hei_id in added:
            self.stdout.write(f"Partner {hei_id} added.")

    def _tell(self, sentence: str) -> None:
        self.stdout.write(f"  {sentence}")
        self.stdout.flush()


def _hosted(options: dict[str, Any]) -> list[str]:
    return options["hosts"] or [house.hei_id for house in HOSTED]
