"""Our words and VIRTA's: facts out of a record, a record out of facts.

Only this module knows both. What a brought record says and our facts do not model stays with our record as
the fragment it came as (`kept_aside["virta"]`), and only when there is such a thing. Going out, a record is
built from our facts and laid over that fragment: what we know replaces, what we do not know stays, and a
record whose facts did not change goes out exactly as it came.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from vaihto.codes import FINLAND
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts
from vaihto.people.facts import (
    PrimacyFacts,
    SpellFacts,
    StateFacts,
    StudentFacts,
    StudyRightFacts,
    TermEnrolmentFacts,
)
from vaihto.refusals import Invalid
from vaihto.rules.finland import CODE_OF_PROGRAMME
from vaihto.transcripts.facts import AttainmentFacts
from vaihto.virta.fragments import fragment_of, record_of
from vaihto.virta.records import (
    NO_END,
    AikajaksoTyyppi,
    ArvosanaAsteikkoMuuTyyppi,
    ArvosanaTyyppi,
    AsteikkoTyyppi,
    JaksoTyyppi,
    LaajuusLaajennettuTyyppi,
    Liikkuvuusjakso,
    LukukausiIlmoittautuminen,
    Opintosuoritus,
    OpintosuoritusNimiTyyppi,
    Opiskelija,
    Opiskeluoikeus,
    OpiskeluoikeusNimiTyyppi,
    OrganisaatioRooliOsuusTyyppi,
    Record,
    TilaTyyppi,
)
from vaihto.wording import mark as _

ASIDE = "virta"
"""The name under which `kept_aside` holds the fragment."""

_PROGRAMME_OF = {code: programme for programme, code in CODE_OF_PROGRAMME.items()}
_PURPOSE_OF = {"1": "study", "2": "traineeship"}
_SOURCE_ROLE = "3"
_SCALES = (
    "Viisiportainen",
    "ToinenKotimainen",
    "Hyvaksytty",
    "Naytetyo",
    "Tutkielma",
    "EiKaytossa",
)
_PERIOD_PARTS = (
    "opiskelijaAvain",
    "opiskeluoikeusAvain",
    "Myontaja",
    "Suunta",
    "Maa",
    "Tyyppi",
    "Liikkuvuusohjelma",
)
_GRANTED_BY_SOURCE = {"UK": "foreign_hei", "UM": "foreign_other"}

R = TypeVar("R", bound=Record)


# --- single values -----------------------------------------------------------------------------


class NoSuchDay(Invalid):
    """A day that the format allows and no calendar of ours holds, or that is missing."""

    sentence = _("“%(value)s” is not a day between the years 1900 and 9999.")
    remedy = _("Correct the day in the study register and export the file again.")


def day(text: str | None) -> date | None:
    """A day of the format; its time zone says nothing about the day and falls away; "no end" is none.

    Raises `NoSuchDay`.
    """
    if not text or not text.strip():
        return None
    plain = re.fullmatch(r"(\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)?", text.strip(), re.ASCII)
    if plain is None:
        raise NoSuchDay("virta.no-such-day", value=text)
    if plain[1] == NO_END:
        return None
    try:
        return date.fromisoformat(plain[1])
    except ValueError as error:
        raise NoSuchDay("virta.no-such-day", value=text) from error


def _day_needed(text: str) -> date:
    found = day(text)
    if found is None:
        raise NoSuchDay("virta.no-such-day", value=text)
    return found


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text.strip()) if text else None
    except InvalidOperation:
        return None


def plain_number(value: Decimal) -> str:
    """A size without trailing zeros and without an exponent: 30, 2.5."""
    text = f"{value.normalize():f}"
    return text


# --- going in ----------------------------------------------------------------------------------


def student_facts(record: Opiskelija) -> StudentFacts:
    """A student record of the institution."""
    facts = StudentFacts(
        key=record.avain,
        family_name=record.Sukunimi or "",
        given_names=record.Etunimet or "",
        gender=record.Sukupuoli or "",
        citizenships=tuple(record.Kansalaisuus),
        learner_number=record.KansallinenOppijanumero or "",
        identity_code=record.Henkilotunnus or "",
        mother_tongue=record.Aidinkieli or "",
        residence=record.Asuinkunta or "",
        first_enrolled=day(record.KirjoihintuloPvm),
    )
    return _with_aside(facts, record, student_record(facts))


def study_right_facts(record: Opiskeluoikeus) -> StudyRightFacts:
    """A study right with its timelines."""
    facts = StudyRightFacts(
        key=record.avain,
        student_key=record.opiskelijaAvain,
        type=record.Tyyppi,
        start=_day_needed(record.AlkuPvm),
        end=day(record.LoppuPvm),
        granted_by=record.Myontaja,
        states=tuple(
            StateFacts(code=s.Koodi, start=_day_needed(s.AlkuPvm), end=day(s.LoppuPvm))
            for s in record.Tila
        ),
        spells=tuple(_spell_facts(spell) for spell in record.Jakso),
        primacies=tuple(
            PrimacyFacts(start=_day_needed(p.AlkuPvm), end=day(p.LoppuPvm))
            for p in record.Ensisijaisuus
        ),
    )
    return _with_aside(facts, record, study_right_record(facts))


def _spell_facts(spell: JaksoTyyppi) -> SpellFacts:
    return SpellFacts(
        start=_day_needed(spell.AlkuPvm),
        end=day(spell.LoppuPvm),
        module=spell.koulutusmoduulitunniste,
        education_code=spell.Koulutuskoodi or "",
        municipality=spell.Koulutuskunta,
        language=spell.Koulutuskieli or "",
        funding_source=spell.Rahoituslahde or "",
        classifications=tuple(spell.Luokittelu),
        names={name.kieli: name.text for name in spell.Nimi},
        qualifications=tuple(spell.Patevyys),
    )


def term_enrolment_facts(record: LukukausiIlmoittautuminen) -> TermEnrolmentFacts:
    """A term enrolment: read for its days and state, kept as it came."""
    return TermEnrolmentFacts(
        student_key=record.opiskelijaAvain,
        right_key=record.opiskeluoikeusAvain or "",
        start=_day_needed(record.AlkuPvm),
        end=day(record.LoppuPvm),
        state=record.Tila,
        document=fragment_of(record),
    )


def attainment_facts(record: Opintosuoritus, *, institution_code: str) -> AttainmentFacts:
    """An attainment; who granted it shows by the source organisation (V20)."""
    source = next((o.Koodi for o in record.Organisaatio if o.Rooli == _SOURCE_ROLE), "")
    scale, grade = _grade(record.Arvosana)
    facts = AttainmentFacts(
        key=record.avain,
        student_key=record.opiskelijaAvain,
        right_key=record.opiskeluoikeusAvain or "",
        kind=record.Laji,
        names={name.kieli or "": name.text for name in record.Nimi},
        credits=_number(record.Laajuus.Opintopiste),
        grade_scale=scale,
        grade=grade,
        completed_on=day(record.SuoritusPvm),
        recognised_on=day(record.HyvaksilukuPvm),
        granted_by=_granted_by(source, record.HyvaksilukuPvm, record.Myontaja, institution_code),
        source_code=source,
        classifications=tuple(record.Luokittelu),
        education_code=record.Koulutuskoodi or "",
        module=record.koulutusmoduulitunniste,
        language=record.Kieli or "",
        is_traineeship="8" in record.Luokittelu or "7" in record.Luokittelu,
    )
    return _with_aside(facts, record, attainment_record(facts, institution_code=institution_code))


def _granted_by(source: str, recognised: str | None, granted: str, institution_code: str) -> str:
    if source in _GRANTED_BY_SOURCE:
        return _GRANTED_BY_SOURCE[source]
    if source or (recognised and granted != institution_code):
        return "finnish_hei"
    return "home"


def _grade(grade: ArvosanaTyyppi) -> tuple[str, str]:
    for scale in _SCALES:
        value = getattr(grade, scale)
        if value is not None:
            return scale, value
    if grade.Muu is not None:
        return "Muu", grade.Muu.Koodi
    return "", ""


def mobility_facts(record: Liikkuvuusjakso) -> MobilityFacts:
    """A mobility with the one physical part that the period tells of.

    The period does not say when a virtual part was; `b` becomes a virtual part without days. A period in
    the register is one of a degree, so both flags that the rules ask for are true.
    """
    outgoing = record.Suunta == "1"
    segments = [
        SegmentFacts(
            mode="physical",
            place="host",
            country=record.Maa if outgoing else FINLAND,
            start=_day_needed(record.AlkuPvm),
            end=_day_needed(record.LoppuPvm),
        )
    ]
    blended = "b" in record.Luokittelu
    if blended:
        segments.append(
            SegmentFacts(mode="virtual", place="home", country=FINLAND if outgoing else record.Maa)
        )
    facts = MobilityFacts(
        key=record.avain,
        student_key=record.opiskelijaAvain,
        direction="outgoing" if outgoing else "incoming",
        purpose=_PURPOSE_OF.get(record.Tyyppi or "", ""),
        programme=_PROGRAMME_OF.get(record.Liikkuvuusohjelma or "", ""),
        partner_country=record.Maa,
        part_of_degree=True,
        planned_blended=blended,
        right_key=record.opiskeluoikeusAvain or "",
        level="" if outgoing else record.OpiskeluoikeusTyyppi or "",
        home_degree_abroad=None if outgoing else True,
        adult_education="a" in record.Luokittelu,
        segments=tuple(segments),
    )
    return _with_aside(facts, record, _period_of(facts, record.Myontaja))


_TYPE_OF = {purpose: code for code, purpose in _PURPOSE_OF.items()}


def _period_of(facts: MobilityFacts, institution_code: str) -> Liikkuvuusjakso:
    """The period that these facts alone give where the rules add nothing."""
    physical = facts.segments[0]
    if physical.start is None or physical.end is None:
        raise NoSuchDay("virta.no-such-day", value="")
    return period_record(
        institution_code=institution_code,
        key=facts.key,
        student_key=facts.student_key,
        right_key=facts.right_key,
        start=physical.start,
        end=physical.end,
        direction=facts.direction,
        country=facts.partner_country,
        type_code=_TYPE_OF.get(facts.purpose, ""),
        programme_code=CODE_OF_PROGRAMME.get(facts.programme, ""),
        level=facts.level,
        classifications=("a",) * facts.adult_education + ("b",) * facts.planned_blended,
        kept_aside={},
    )


def period_as_brought(facts: MobilityFacts, institution_code: str) -> Liikkuvuusjakso:
    """The period that a document stated when it was read into these facts."""
    fragment = facts.kept_aside.get(ASIDE)
    return record_of(fragment, Liikkuvuusjakso) if fragment else _period_of(facts, institution_code)


def plain(facts: Any, institution_code: str) -> Record | None:
    """The record that these facts alone give, without what is kept aside."""
    bare = dataclasses.replace(facts, kept_aside={})
    match bare:
        case StudentFacts():
            return student_record(bare)
        case StudyRightFacts():
            return study_right_record(bare, institution_code=institution_code)
        case AttainmentFacts():
            return attainment_record(bare, institution_code=institution_code)
        case MobilityFacts():
            return _period_of(bare, institution_code)
    return None


def _with_aside(facts: Any, record: Record, rebuilt: Record | None) -> Any:
    """The facts, with the record's fragment where the facts alone would not give it back."""
    if rebuilt == record:
        return facts
    return dataclasses.replace(facts, kept_aside={ASIDE: fragment_of(record)})


def kept_names(record: Record, rebuilt: Record | None) -> tuple[str, ...]:
    """Names of the elements that are kept aside because we do not model them."""
    names = [
        field.name
        for field in dataclasses.fields(record)
        if field.name != "rest"
        and getattr(record, field.name)
        and (rebuilt is None or getattr(rebuilt, field.name) != getattr(record, field.name))
    ]
    return tuple(names) + tuple(rest.name for rest in record.rest)


# --- going out ---------------------------------------------------------------------------------


def student_record(facts: StudentFacts) -> Opiskelija:
    """The student element; facts kept aside are laid under it."""
    built = Opiskelija(
        avain=facts.key,
        Henkilotunnus=_identity(facts.identity_code) or None,
        Sukunimi=facts.family_name or None,
        Etunimet=facts.given_names or None,
        Sukupuoli=facts.gender or None,
        Kansalaisuus=tuple(facts.citizenships),
        Aidinkieli=facts.mother_tongue or None,
        Asuinkunta=facts.residence or None,
        KirjoihintuloPvm=_iso(facts.first_enrolled),
        KansallinenOppijanumero=facts.learner_number or None,
    )
    return _over(facts.kept_aside, built, lambda kept: student_facts(kept), facts)


def _identity(code: str) -> str:
    """The identity code as the schema takes it.

    A temporary code (individual number 900 to 999) is not accepted; who has no other sends the birth date
    with its separator, which is how the format writes people without a code.
    """
    return code[:7] if len(code) > 7 and code[7] == "9" else code


def study_right_record(facts: StudyRightFacts, *, institution_code: str = "") -> Opiskeluoikeus:
    """The study right element with its timelines in date order."""
    built = Opiskeluoikeus(
        avain=facts.key,
        opiskelijaAvain=facts.student_key,
        AlkuPvm=facts.start.isoformat(),
        LoppuPvm=_iso(facts.end),
        Tila=tuple(
            TilaTyyppi(AlkuPvm=s.start.isoformat(), LoppuPvm=_iso(s.end), Koodi=s.code)
            for s in facts.states
        ),
        Tyyppi=facts.type,
        Myontaja=facts.granted_by or institution_code,
        Jakso=tuple(_spell_record(spell) for spell in facts.spells),
        Ensisijaisuus=tuple(
            AikajaksoTyyppi(AlkuPvm=p.start.isoformat(), LoppuPvm=_iso(p.end))
            for p in facts.primacies
        ),
    )
    return _over(facts.kept_aside, built, lambda kept: study_right_facts(kept), facts)


def _spell_record(spell: SpellFacts) -> JaksoTyyppi:
    return JaksoTyyppi(
        koulutusmoduulitunniste=spell.module,
        AlkuPvm=spell.start.isoformat(),
        LoppuPvm=_iso(spell.end),
        Koulutuskoodi=spell.education_code or None,
        Koulutuskunta=spell.municipality,
        Koulutuskieli=spell.language or None,
        Rahoituslahde=spell.funding_source or None,
        Patevyys=tuple(spell.qualifications),
        Luokittelu=tuple(spell.classifications),
        Nimi=tuple(
            OpiskeluoikeusNimiTyyppi(kieli=language, text=text)
            for language, text in spell.names.items()
        ),
    )


def attainment_record(
    facts: AttainmentFacts, *, institution_code: str, missing_completion: date | None = None
) -> Opintosuoritus:
    """The attainment element.

    `missing_completion` is the last day of the mobility: it stands in for an unknown completion date (V18).
    """
    completed = facts.completed_on or missing_completion
    source = facts.source_code
    if not source and facts.granted_by in {"foreign_hei", "foreign_other"}:
        source = "UK" if facts.granted_by == "foreign_hei" else "UM"
    built = Opintosuoritus(
        avain=facts.key,
        opiskelijaAvain=facts.student_key,
        koulutusmoduulitunniste=facts.module,
        opiskeluoikeusAvain=facts.right_key or None,
        SuoritusPvm=_iso(completed) or "",
        Laajuus=LaajuusLaajennettuTyyppi(
            Opintopiste="" if facts.credits is None else plain_number(facts.credits)
        ),
        Arvosana=_grade_record(facts.grade_scale, facts.grade),
        Myontaja=institution_code,
        Organisaatio=(
            (OrganisaatioRooliOsuusTyyppi(Rooli=_SOURCE_ROLE, Koodi=source),) if source else ()
        ),
        Laji=facts.kind,
        Nimi=tuple(
            OpintosuoritusNimiTyyppi(kieli=language or None, text=text)
            for language, text in facts.names.items()
        ),
        Kieli=facts.language or None,
        Koulutuskoodi=facts.education_code or None,
        HyvaksilukuPvm=_iso(facts.recognised_on),
        Luokittelu=tuple(facts.classifications),
    )
    return _over(
        facts.kept_aside,
        built,
        lambda kept: attainment_facts(kept, institution_code=institution_code),
        facts,
    )


def _grade_record(scale: str, grade: str) -> ArvosanaTyyppi:
    if scale in _SCALES:
        return dataclasses.replace(ArvosanaTyyppi(), **{scale: grade})  # type: ignore[arg-type]  # one of _SCALES
    if grade:
        other = scale if scale not in {"", "Muu"} else "muu"
        return ArvosanaTyyppi(
            Muu=ArvosanaAsteikkoMuuTyyppi(
                Asteikko=AsteikkoTyyppi(avain=other, AsteikkoArvosana=()), Koodi=grade
            )
        )
    return ArvosanaTyyppi()


def period_record(
    *,
    institution_code: str,
    key: str,
    student_key: str,
    right_key: str,
    start: date,
    end: date,
    direction: str,
    country: str,
    type_code: str,
    programme_code: str,
    level: str,
    classifications: tuple[str, ...],
    kept_aside: Mapping[str, str],
) -> Liikkuvuusjakso:
    """The mobility period element; virtual days have no place in it (V42)."""
    built = Liikkuvuusjakso(
        avain=key,
        opiskelijaAvain=student_key,
        opiskeluoikeusAvain=right_key or None,
        Myontaja=institution_code,
        AlkuPvm=start.isoformat(),
        LoppuPvm=end.isoformat(),
        Suunta="1" if direction == "outgoing" else "2",
        Maa=country,
        Tyyppi=type_code or None,
        Liikkuvuusohjelma=programme_code or None,
        OpiskeluoikeusTyyppi=(level or None) if direction == "incoming" else None,
        Luokittelu=tuple(sorted(classifications)),
    )
    fragment = kept_aside.get(ASIDE)
    if not fragment:
        return built
    kept = record_of(fragment, Liikkuvuusjakso)
    if kept.avain != key:
        return built
    changes: dict[str, Any] = {}
    for name in _PERIOD_PARTS:
        # An empty attribute and an absent one say the same; what came stays.
        if (getattr(kept, name) or "") != (getattr(built, name) or ""):
            changes[name] = getattr(built, name)
    for name in ("AlkuPvm", "LoppuPvm"):
        if day(getattr(kept, name)) != day(getattr(built, name)):
            changes[name] = getattr(built, name)
    if direction == "incoming" and (kept.OpiskeluoikeusTyyppi or "") != level:
        changes["OpiskeluoikeusTyyppi"] = built.OpiskeluoikeusTyyppi
    if set(kept.Luokittelu) != set(built.Luokittelu):
        changes["Luokittelu"] = built.Luokittelu
    return dataclasses.replace(kept, **changes)


def _over(kept_aside: Mapping[str, str], built: R, read: Any, facts: Any) -> R:
    """`built`, laid over the fragment that came: unchanged facts leave the fragment as it is."""
    fragment = kept_aside.get(ASIDE)
    if not fragment:
        return built
    kept = record_of(fragment, type(built))
    before = dataclasses.replace(read(kept), kept_aside={})
    now = dataclasses.replace(facts, kept_aside={})
    if before == now:
        return kept
    rebuilt_before = _build_plain(before, built)
    changes = {
        field.name: getattr(built, field.name)
        for field in dataclasses.fields(built)
        if field.name != "rest"
        and (
            rebuilt_before is None
            or getattr(built, field.name) != getattr(rebuilt_before, field.name)
        )
    }
    if "Jakso" in changes and isinstance(kept, Opiskeluoikeus):
        changes["Jakso"] = tuple(_spell_over(spell, kept.Jakso) for spell in changes["Jakso"])
    return dataclasses.replace(kept, **changes)


def _spell_over(built: JaksoTyyppi, kept: tuple[JaksoTyyppi, ...]) -> JaksoTyyppi:
    """A spell laid over the kept spell of the same education that it was, or was cut out of."""
    for spell in kept:
        if (
            spell.koulutusmoduulitunniste == built.koulutusmoduulitunniste
            and spell.AlkuPvm <= built.AlkuPvm <= (spell.LoppuPvm or NO_END)
        ):
            return dataclasses.replace(
                built,
                valtakunnallinenKoulutusmoduulitunniste=spell.valtakunnallinenKoulutusmoduulitunniste,
                rest=spell.rest,
            )
    return built


def _build_plain(facts: Any, like: Record) -> Any:
    """The record that `facts` alone give, of the same kind as `like`; what differs then was changed by us."""
    match like:
        case Opiskelija():
            return student_record(facts)
        case Opiskeluoikeus():
            return study_right_record(facts, institution_code=like.Myontaja)
        case Opintosuoritus():
            return attainment_record(facts, institution_code=like.Myontaja)
    return None


def _iso(value: date | None) -> str | None:
    return value.isoformat() if value else None
