"""Courses 0.7 and Simple Course Replication 1 as values.

A specification is a course, class, module or programme as the catalogue describes it; an instance is one time it
is taught. Sources: ewp-specs-api-courses 0.7.1, ewp-specs-api-course-replication 1.0.0-rc9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self

from vaihto.ewp.protocol.api import EWP
from vaihto.ewp.protocol.types import (
    HTTP,
    IDENTIFIER,
    LANGUAGE_TAG,
    PREFIXES,
    AcademicTerm,
    Form,
    Notes,
    Read,
    Texts,
    Unwritable,
    one_of,
    put,
    put_day,
    put_decimal,
    put_each,
    put_if,
    put_texts,
    root_of,
)
from vaihto.ewp.protocol.xml import Builder, Element

COURSES = f"{EWP}ewp-specs-api-courses/tree/stable-v1"
COURSE_REPLICATION = f"{EWP}ewp-specs-api-course-replication/tree/stable-v1"

LOS_ID = Form(
    "CR/, CLS/, MOD/ or DEP/ and 1 to 40 characters of ASCII without blanks",
    re.compile(r"(CR|CLS|MOD|DEP)/[!-~]{1,40}"),
)
LOI_ID = Form(
    "CRI/, CLSI/, MODI/ or DEPI/ and 1 to 40 characters of ASCII without blanks",
    re.compile(r"(CRI|CLSI|MODI|DEPI)/[!-~]{1,40}"),
)
_TYPE = one_of("Degree Programme", "Module", "Course", "Class")
_LEVEL = one_of("Bachelor", "Master", "PhD")
_EQF = range(1, 9)


@dataclass(frozen=True)
class Grading:
    """How an instance is graded."""

    labels: Texts
    descriptions: Texts = ()


@dataclass(frozen=True)
class Distribution:
    """How the results of an instance were spread: pairs of label and count, from one end to the other."""

    categories: tuple[tuple[str, int], ...]
    descriptions: Texts = ()


@dataclass(frozen=True)
class Credit:
    """Credits in one scheme. `ects` is the only reserved one."""

    scheme: str
    value: Decimal | None  # None only when a partner leaves it out
    level: str = ""  # Bachelor, Master, PhD


@dataclass(frozen=True)
class Instance:
    """One time that something is taught; both days included."""

    loi_id: str
    start: date | None  # None only when a partner leaves it out
    end: date | None
    term: AcademicTerm | None = None  # for courses, not for programmes
    grading: Grading | None = None
    distribution: Distribution | None = None
    credits: tuple[Credit, ...] = ()
    language: str = ""  # the primary one
    engagement_hours: Decimal | None = None

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From a `learningOpportunityInstance`."""
        term = element.find("academic-term", PREFIXES["trm"])
        grading = element.find("gradingScheme")
        distribution = element.find("resultDistribution")
        return cls(
            loi_id=notes.text(element, "loi-id"),
            start=notes.day(element, "start", needed=True),
            end=notes.day(element, "end", needed=True),
            term=None if term is None else AcademicTerm.read(term, notes),
            grading=None
            if grading is None
            else Grading(notes.texts(grading, "label"), grading.in_languages("description")),
            distribution=None
            if distribution is None
            else Distribution(
                _categories(distribution, notes), distribution.in_languages("description")
            ),
            credits=tuple(
                Credit(
                    scheme=notes.text(one, "scheme"),
                    level=one.text_or("level"),
                    value=notes.decimal(one, "value", needed=True),
                )
                for one in element.children("credit")
            ),
            language=element.text_or("languageOfInstruction"),
            engagement_hours=notes.decimal(element, "engagementHours"),
        )

    def put(self, parent: Builder) -> None:
        """As a child of `specifies`. Raises `Unwritable`."""
        instance = parent.add("learningOpportunityInstance")
        put(instance, "loi-id", self.loi_id, LOI_ID)
        put_day(instance, "start", self.start)
        put_day(instance, "end", self.end)
        if self.term is not None:
            self.term.put(instance)
        if self.grading is not None:
            scheme = instance.add("gradingScheme")
            put_texts(scheme, "label", self.grading.labels, at_least=1)
            put_texts(scheme, "description", self.grading.descriptions)
        if self.distribution is not None:
            _put_distribution(instance, self.distribution)
        for one in self.credits:
            credit = instance.add("credit")
            put(credit, "scheme", one.scheme)
            put_if(credit, "level", one.level, _LEVEL)
            put_decimal(credit, "value", one.value)
        put_if(instance, "languageOfInstruction", self.language, LANGUAGE_TAG)
        if self.engagement_hours is not None:
            put_decimal(instance, "engagementHours", self.engagement_hours)


def _categories(distribution: Element, notes: Notes) -> tuple[tuple[str, int], ...]:
    found = []
    for category in distribution.children("category"):
        count = category.attribute("count") or ""
        if re.fullmatch(r"\s*\+?[0-9]{1,18}\s*", count):
            found.append((category.attribute("label") or "", int(count)))
        else:
            notes.add("resultDistribution/category has no count.")
    return tuple(found)


def _put_distribution(instance: Builder, distribution: Distribution) -> None:
    if not distribution.categories:
        raise Unwritable("resultDistribution/category is missing.")
    results = instance.add("resultDistribution")
    for label, count in distribution.categories:
        if count < 0:
            raise Unwritable("resultDistribution/category counts from nought on.")
        results.add("category", attributes={"label": label, "count": str(count)})
    put_texts(results, "description", distribution.descriptions)


@dataclass(frozen=True)
class Specification:
    """A course, class, module or programme as the catalogue describes it."""

    los_id: str
    titles: Texts
    code: str = ""
    ounit_id: str = ""
    type: str = ""  # a reader meets new words
    subject_area: str = ""  # old Erasmus code
    isced: str = ""
    eqf_level: int | None = None
    urls: Texts = ()
    descriptions: Texts = ()
    instances: tuple[Instance, ...] = ()
    contains: tuple[str, ...] = ()  # ids of the specifications it is made of

    @classmethod
    def read(cls, element: Element, notes: Notes) -> Self:
        """From a `learningOpportunitySpecification`. An instance without its id is left out."""
        specifies = element.find("specifies")
        listed = [] if specifies is None else specifies.children("learningOpportunityInstance")
        instances = [Instance.read(one, notes) for one in listed]
        contains = element.find("contains")
        return cls(
            los_id=notes.text(element, "los-id"),
            code=element.text_or("los-code"),
            ounit_id=element.text_or("ounit-id"),
            titles=notes.texts(element, "title"),
            type=element.text_or("type"),
            subject_area=element.text_or("subjectArea"),
            isced=element.text_or("iscedCode"),
            eqf_level=notes.whole(element, "eqfLevelProvided"),
            urls=element.in_languages("url"),
            descriptions=element.in_languages("description"),
            instances=tuple(one for one in instances if one.loi_id),
            contains=() if contains is None else contains.texts("los-id"),
        )

    def put(self, parent: Builder) -> None:
        """As a child of the root. Raises `Unwritable`."""
        los = parent.add("learningOpportunitySpecification")
        put(los, "los-id", self.los_id, LOS_ID)
        put_if(los, "los-code", self.code)
        put_if(los, "ounit-id", self.ounit_id, IDENTIFIER)
        put_texts(los, "title", self.titles, at_least=1)
        put_if(los, "type", self.type, _TYPE)
        put_if(los, "subjectArea", self.subject_area)
        put_if(los, "iscedCode", self.isced)
        if self.eqf_level is not None:
            if self.eqf_level not in _EQF:
                raise Unwritable("eqfLevelProvided must be 1 to 8.")
            los.add("eqfLevelProvided", self.eqf_level)
        put_texts(los, "url", self.urls, HTTP)
        put_texts(los, "description", self.descriptions)
        if self.instances:
            specifies = los.add("specifies")
            for instance in self.instances:
                instance.put(specifies)
        if self.contains:
            put_each(los.add("contains"), "los-id", self.contains, LOS_ID)


@dataclass(frozen=True)
class CoursesResponse:
    """The specifications that were asked for and are known."""

    specifications: tuple[Specification, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From an answer. A specification without its id is left out. Raises `MalformedXml`."""
        root, notes = root_of(document, "courses-response", COURSES), Notes()
        listed = root.children("learningOpportunitySpecification")
        found = [Specification.read(one, notes) for one in listed]
        return Read(cls(tuple(one for one in found if one.los_id)), notes.problems)

    def write(self) -> bytes:
        """The document. Raises `Unwritable`."""
        root = Builder("courses-response", COURSES, {"trm": PREFIXES["trm"]})
        for one in self.specifications:
            one.put(root)
        return root.write()


@dataclass(frozen=True)
class CourseReplicationResponse:
    """The ids of all specifications, or of those changed since a moment."""

    los_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: bytes) -> Read[Self]:
        """From an answer. Raises `MalformedXml`."""
        root = root_of(document, "course-replication-response", COURSE_REPLICATION)
        return Read(cls(root.texts("los-id")))

    def write(self) -> bytes:
        """The document. Raises `Unwritable`."""
        root = Builder("course-replication-response", COURSE_REPLICATION)
        put_each(root, "los-id", self.los_ids, LOS_ID)
        return root.write()
