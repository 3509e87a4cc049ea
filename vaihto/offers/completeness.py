"""What is missing in an entry of the catalogue, by what partners ask of the Courses interface.

Pure but for reading the unit and realisations that are handed in. Nothing here keeps an entry from being exposed:
the schema asks only for an identifier and a title. Source: Courses 0.7; the network's validator warns of a missing
code and skips its tests of dates where there is no realisation.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from vaihto.institutions.completeness import Gap, Place, Weight
from vaihto.offers.models import Kind, LearningOpportunity, Realisation
from vaihto.wording import mark as _

ASKED = 8


def _gap(code: str, field: str, sentence: str, remedy: str, key: str = "", **facts: object) -> Gap:
    page = "realisation" if key else "edit"
    return Gap(code, Weight.EXPECTED, Place(page, field, key), sentence, remedy, facts)


def gaps(one: LearningOpportunity, realisations: Sequence[Realisation]) -> list[Gap]:
    """What partners miss, most important first; at most one gap for each of the `ASKED` things.

    A module need not be taught by itself: its courses are.
    """
    found: list[Gap] = []
    if not any(tag.partition("-")[0] == "en" for tag, text in one.titles.items() if text):
        found.append(
            _gap(
                "title",
                "titles",
                _("There is no English title."),
                _("Incoming students and other systems read the English one first."),
            )
        )
    if not one.code:
        found.append(
            _gap(
                "code",
                "code",
                _("There is no code."),
                _("People find a course in a learning agreement by its code."),
            )
        )
    if len(one.isced_code) != 4:
        found.append(
            _gap(
                "isced",
                "isced_code",
                _("There is no ISCED-F code of four digits."),
                _("Agreements and searches go by field of study."),
            )
        )
    if one.eqf_level is None:
        found.append(
            _gap(
                "eqf",
                "eqf_level",
                _("There is no EQF level."),
                _("6 bachelor, 7 master, 8 doctor."),
            )
        )
    if not realisations and one.kind != Kind.MODULE:
        found.append(
            _gap(
                "realisation",
                "realisations",
                _("It is taught at no time."),
                _("Add a realisation with its first and last day."),
            )
        )
    found += _of_realisations(one, realisations)
    if one.unit is not None and not one.unit.exposed:
        found.append(
            _gap(
                "unit",
                "unit",
                _(
                    "Its unit “%(unit)s” is not shown to partners, so they are not told who organises it."
                ),
                _("Let the agreement manager show the unit."),
                unit=one.unit.name,
            )
        )
    return found


def _of_realisations(one: LearningOpportunity, realisations: Sequence[Realisation]) -> list[Gap]:
    """The first realisation with each gap; programmes need neither term nor language."""
    found: list[Gap] = []
    without = next((each for each in realisations if each.ects is None), None)
    if without is not None:
        found.append(
            _gap(
                "ects",
                "credits",
                _("The realisation from %(start)s has no ECTS credits."),
                _("Give ECTS at least; other schemes may stand beside them."),
                str(without.pk),
                start=without.start,
            )
        )
    if one.kind == Kind.PROGRAMME:
        return found
    without = next((each for each in realisations if not each.language), None)
    if without is not None:
        found.append(
            _gap(
                "language",
                "language",
                _("The realisation from %(start)s has no language of instruction."),
                _("Leave it empty only where no language is the main one."),
                str(without.pk),
                start=without.start,
            )
        )
    without = next((each for each in realisations if each.has_half_a_term), None)
    if without is not None:
        found.append(
            _gap(
                "term",
                "academic_year",
                _(
                    "The realisation from %(start)s has a term without name or days, so partners are told none."
                ),
                _("Give the term a name, a first and a last day."),
                str(without.pk),
                start=without.start,
            )
        )
    return found


def with_gaps() -> Q:
    """The entries that lack what matters most: English title, code, field, level, a realisation, credits."""
    own = Realisation.objects.filter(opportunity=OuterRef("pk"))
    return (
        ~Q(titles__has_key="en")
        | Q(code="")
        | ~Q(isced_code__regex=r"^.{4}$")
        | Q(eqf_level__isnull=True)
        | (~Q(kind=Kind.MODULE) & ~Exists(own))
        | Exists(own.filter(credits=[]))
    )
