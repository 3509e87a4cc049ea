"""From entries of the catalogue to the messages. No queries: entries come as `offers.queries` fetches them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from vaihto.ewp.apis.courses import messages
from vaihto.ewp.protocol.types import (
    ACADEMIC_YEAR,
    HTTP,
    IDENTIFIER,
    LANGUAGE_TAG,
    TEXT,
    AcademicTerm,
    Texts,
)
from vaihto.institutions.models import Unit, in_order
from vaihto.offers.models import Kind, LearningOpportunity, Realisation
from vaihto.offers.queries import published_parts

_TYPES = {
    Kind.PROGRAMME: "Degree Programme",
    Kind.MODULE: "Module",
    Kind.COURSE: "Course",
    Kind.CLASS: "Class",
}


def specification(
    one: LearningOpportunity, *, before: date | None = None, after: date | None = None
) -> messages.Specification | None:
    """An entry with those of its realisations that end before `before` and start after `after`.

    None for an entry without a title, which the schema does not allow.
    """
    titles = _texts(one.titles)
    if not titles:
        return None
    return messages.Specification(
        los_id=one.los_id,
        code=one.code.strip(),
        ounit_id=_ounit_id(one.unit),
        titles=titles,
        type=_TYPES[Kind(one.kind)],
        subject_area=one.subject_area.strip(),
        isced=one.isced_code,
        eqf_level=one.eqf_level,
        urls=tuple(
            (link.language if LANGUAGE_TAG.fits(link.language) else "", link.url)
            for link in one.addresses
            if HTTP.fits(link.url)
        ),
        descriptions=_texts(one.descriptions),
        instances=tuple(
            _instance(each, Kind(one.kind))
            for each in one.realisations.all()
            if (before is None or each.end < before) and (after is None or each.start > after)
        ),
        contains=tuple(part.los_id for part in published_parts(one)),
    )


def _ounit_id(unit: Unit | None) -> str:
    """The organising unit, where partners can ask for it: what is referred to must be there."""
    if unit is None or not unit.exposed or not unit.code.strip():
        return ""
    return unit.ounit_id if IDENTIFIER.fits(unit.ounit_id) else ""


def _instance(one: Realisation, kind: Kind) -> messages.Instance:
    labels = _texts(one.grading_labels)
    results = tuple((category, count) for category, count in one.results if category.strip())
    return messages.Instance(
        loi_id=one.loi_id,
        start=one.start,
        end=one.end,
        # Terms are for what is taught within one; programmes span many.
        term=_term(one) if kind is not Kind.PROGRAMME else None,
        grading=messages.Grading(labels, _texts(one.grading_descriptions)) if labels else None,
        distribution=messages.Distribution(results, _texts(one.results_descriptions))
        if results
        else None,
        credits=tuple(
            messages.Credit(credit.scheme, credit.value, credit.level)
            for credit in one.credit_list
            if credit.scheme.strip()
        ),
        language=one.language if LANGUAGE_TAG.fits(one.language) else "",
        engagement_hours=one.engagement_hours,
    )


def _term(one: Realisation) -> AcademicTerm | None:
    """The academic term, where its year, a name and both days are known."""
    names = _texts(one.term_names)
    if not (one.has_whole_term and names and ACADEMIC_YEAR.fits(one.academic_year)):
        return None
    ewp_id = (
        f"{one.academic_year}-{one.term_number}/{one.term_count}"
        if one.term_number is not None and one.term_count is not None
        else ""
    )
    return AcademicTerm(one.academic_year, names, one.term_start, one.term_end, ewp_id)


def _texts(texts: Mapping[str, str]) -> Texts:
    """English first; what is blank is left out."""
    return tuple(
        (tag if LANGUAGE_TAG.fits(tag) else "", text)
        for tag, text in in_order(dict(texts))
        if TEXT.fits(text)
    )
