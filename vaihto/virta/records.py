# ruff: noqa: N815  the fields carry the names of the national schema, letter by letter
"""The five kinds of record of a VIRTA file, with everything the national schema allows.

Class and field names are the schema's own. Values are the text of the document as it stood: a date
written with a time zone, a size written `30.0` or a name with two blanks is written again just so,
and `forms` says what a value may look like. What stands in a record and is not declared here (an
attribute of another namespace, an element of a later schema) is kept in `rest`, with its name and
place, and written again.

One declaration serves reading (`document`), writing (`writing`), our own check (`structure`) and the
tests: the order of the fields is the order of the elements. A required value that a broken document
lacks is read as the empty text.
Source: Virta 1.06.1, Opiskelijat 1.06.1, Opiskeluoikeudet 1.06.3, LukukausiIlmoittautumiset 1.06.3,
Opintosuoritukset 1.06.1, Liikkuvuusjaksot 1.06.1, tyypit 1.06.3.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Self

from vaihto.virta import forms
from vaihto.virta.forms import Form
from vaihto.wording import mark as _

NAMESPACE = "urn:mace:funet.fi:virta/2015/09/01"
NO_END = "2112-12-21"
"""In the reading direction this end date says "no end"; it is read as empty and never written."""


class Times(Enum):
    """How often an element may stand in its parent."""

    ONE = "exactly once"
    MAYBE = "at most once"
    ANY = "any number"
    SOME = "at least once"

    @property
    def required(self) -> bool:
        """True when the parent is wrong without it."""
        return self is Times.ONE or self is Times.SOME

    @property
    def many(self) -> bool:
        """True when it may be repeated; its values are then a tuple."""
        return self is Times.ANY or self is Times.SOME


@dataclass(frozen=True)
class Rest:
    """Something that stood in a record and is not declared here.

    `name` is the qualified name, `content` the canonical XML of an element or the value of an
    attribute, `place` the number of elements that stood before it in its parent (-1: an attribute),
    `prefixes` the prefixes that the value of an attribute uses.
    """

    name: str
    content: str
    place: int = -1
    prefixes: tuple[tuple[str, str], ...] = ()


class Marked(str):
    """The text of an element that carried something undeclared beside its text."""

    __slots__ = ("rest",)
    rest: tuple[Rest, ...]

    def __new__(cls, text: str, rest: tuple[Rest, ...]) -> Self:
        made = super().__new__(cls, text)
        made.rest = rest
        return made


def _attribute(form: Form, label: str, times: Times = Times.ONE) -> dict[str, Any]:
    return {"role": "attribute", "content": form, "label": label, "times": times}


def _content(form: Form) -> dict[str, Any]:
    return {"role": "content", "content": form, "label": "", "times": Times.ONE}


def _one(content: Form | type, label: str) -> dict[str, Any]:
    return {"role": "child", "content": content, "label": label, "times": Times.ONE}


def _maybe(content: Form | type, label: str) -> dict[str, Any]:
    return {"role": "child", "content": content, "label": label, "times": Times.MAYBE}


def _any(content: Form | type, label: str) -> dict[str, Any]:
    return {"role": "child", "content": content, "label": label, "times": Times.ANY}


def _some(content: Form | type, label: str) -> dict[str, Any]:
    return {"role": "child", "content": content, "label": label, "times": Times.SOME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opiskelija:
    """A student of one institution. In a nested document the student's other records follow."""

    avain: str = field(metadata=_attribute(forms.KEY, _("key")))
    Henkilotunnus: str | None = field(
        default=None, metadata=_maybe(forms.IDENTITY, _("personal identity code"))
    )
    Sukunimi: str | None = field(default=None, metadata=_maybe(forms.NAME, _("family name")))
    Etunimet: str | None = field(default=None, metadata=_maybe(forms.NAME, _("given names")))
    Sukupuoli: str | None = field(default=None, metadata=_maybe(forms.GENDER, _("gender")))
    Kansalaisuus: tuple[str, ...] = field(
        default=(), metadata=_any(forms.COUNTRY, _("citizenship"))
    )
    Aidinkieli: str | None = field(
        default=None, metadata=_maybe(forms.LANGUAGE, _("mother tongue"))
    )
    Asuinkunta: str | None = field(
        default=None, metadata=_maybe(forms.MUNICIPALITY, _("municipality of residence"))
    )
    KirjoihintuloPvm: str | None = field(
        default=None, metadata=_maybe(forms.DAY, _("first day of entry"))
    )
    KansallinenOppijanumero: str | None = field(
        default=None, metadata=_maybe(forms.MODULE, _("national learner number"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AikajaksoTyyppi:
    """A spell of days, both ends included; without an end it lasts as long as its right."""

    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str | None = field(default=None, metadata=_maybe(forms.DAY, _("last day")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TilaTyyppi:
    """A spell of one state of a study right."""

    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str | None = field(default=None, metadata=_maybe(forms.DAY, _("last day")))
    Koodi: str = field(metadata=_one(forms.RIGHT_STATE, _("state")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisaatioRooliOsuusTyyppi:
    """An organisation with its role and share (0 to 1)."""

    Rooli: str = field(metadata=_one(forms.ORGANISATION_ROLE, _("role")))
    Koodi: str = field(metadata=_one(forms.ORGANISATION, _("organisation")))
    Osuus: str | None = field(default=None, metadata=_maybe(forms.SHARE, _("share")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpiskeluoikeusNimiTyyppi:
    """The name of a study right in one language."""

    kieli: str = field(metadata=_attribute(forms.LANGUAGE, _("language")))
    text: str = field(metadata=_content(forms.NAME))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JaksoTyyppi:
    """A spell of a study right in which the facts named here stayed the same."""

    koulutusmoduulitunniste: str = field(
        metadata=_attribute(forms.MODULE, _("identifier of the education"))
    )
    valtakunnallinenKoulutusmoduulitunniste: str | None = field(
        default=None,
        metadata=_attribute(forms.MODULE, _("national identifier of the education"), Times.MAYBE),
    )
    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str | None = field(default=None, metadata=_maybe(forms.DAY, _("last day")))
    Koulutuskoodi: str | None = field(
        default=None, metadata=_maybe(forms.EDUCATION, _("education code"))
    )
    Koulutuskunta: str = field(
        metadata=_one(forms.MUNICIPALITY, _("municipality of the education"))
    )
    Koulutuskieli: str | None = field(
        default=None, metadata=_maybe(forms.LANGUAGE, _("language of the education"))
    )
    Rahoituslahde: str | None = field(
        default=None, metadata=_maybe(forms.FUNDING_SOURCE, _("source of funding"))
    )
    Patevyys: tuple[str, ...] = field(
        default=(), metadata=_any(forms.QUALIFICATION, _("qualification"))
    )
    Luokittelu: tuple[str, ...] = field(
        default=(), metadata=_any(forms.RIGHT_CLASSIFICATION, _("classification"))
    )
    Nimi: tuple[OpiskeluoikeusNimiTyyppi, ...] = field(
        default=(), metadata=_any(OpiskeluoikeusNimiTyyppi, _("name"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KoulutusalaVersioTyyppi:
    """A field of study in one edition of the classification."""

    versio: str = field(metadata=_attribute(forms.FIELD_EDITION, _("classification used")))
    text: str = field(metadata=_content(forms.FIELD))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiittyvyysTyyppi:
    """Another study right that this one is connected with."""

    liittyvaOpiskeluoikeusAvain: str = field(
        metadata=_attribute(forms.KEY, _("key of the connected study right"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LukukausikertymaTyyppi:
    """Terms used up before a transfer, by state of enrolment."""

    IlmoittautuminenTila: str = field(metadata=_one(forms.TERM_STATE, _("state of enrolment")))
    Maara: str = field(metadata=_one(forms.TERMS, _("number of terms")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiirtoOpiskelijaTyyppi:
    """The transfer of a student from one institution to another."""

    lahdeOpiskeluoikeusAvain: str | None = field(
        default=None,
        metadata=_attribute(forms.KEY, _("key of the former study right"), Times.MAYBE),
    )
    SiirtoPvm: str = field(metadata=_one(forms.DAY, _("day of the transfer")))
    Lukukausikertyma: tuple[LukukausikertymaTyyppi, ...] = field(
        metadata=_some(LukukausikertymaTyyppi, _("terms used"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaajuusLaajennettuTyyppi:
    """A size in ECTS credits, and perhaps in the older credit units."""

    Opintopiste: str = field(metadata=_one(forms.CREDITS, _("ECTS credits")))
    Opintoviikko: str | None = field(
        default=None, metadata=_maybe(forms.CREDITS, _("credit units"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LukuvuosiMaksuTyyppi:
    """A spell in which a yearly fee is asked, in euros."""

    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str | None = field(default=None, metadata=_maybe(forms.DAY, _("last day")))
    Summa: str = field(metadata=_one(forms.MONEY, _("sum")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opiskeluoikeus:
    """A study right."""

    avain: str = field(metadata=_attribute(forms.KEY, _("key")))
    opiskelijaAvain: str = field(metadata=_attribute(forms.KEY, _("key of the student")))
    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str | None = field(default=None, metadata=_maybe(forms.DAY, _("last day")))
    Tila: tuple[TilaTyyppi, ...] = field(metadata=_some(TilaTyyppi, _("state of the right")))
    Tyyppi: str = field(metadata=_one(forms.RIGHT_TYPE, _("type of the right")))
    Myontaja: str = field(metadata=_one(forms.ORGANISATION, _("granting institution")))
    Organisaatio: tuple[OrganisaatioRooliOsuusTyyppi, ...] = field(
        default=(), metadata=_any(OrganisaatioRooliOsuusTyyppi, _("organisation"))
    )
    Jakso: tuple[JaksoTyyppi, ...] = field(
        default=(), metadata=_any(JaksoTyyppi, _("spell of the right"))
    )
    Ensisijaisuus: tuple[AikajaksoTyyppi, ...] = field(
        default=(), metadata=_any(AikajaksoTyyppi, _("spell of primacy"))
    )
    Koulutusala: KoulutusalaVersioTyyppi | None = field(
        default=None, metadata=_maybe(KoulutusalaVersioTyyppi, _("field of study"))
    )
    Erikoistumiskoulutus: str | None = field(
        default=None, metadata=_maybe(forms.SPECIALISATION, _("specialisation education"))
    )
    Liittyvyys: tuple[LiittyvyysTyyppi, ...] = field(
        default=(), metadata=_any(LiittyvyysTyyppi, _("connected study right"))
    )
    SiirtoOpiskelija: SiirtoOpiskelijaTyyppi | None = field(
        default=None, metadata=_maybe(SiirtoOpiskelijaTyyppi, _("transfer of the student"))
    )
    Laajuus: LaajuusLaajennettuTyyppi | None = field(
        default=None, metadata=_maybe(LaajuusLaajennettuTyyppi, _("size"))
    )
    LukuvuosiMaksu: tuple[LukuvuosiMaksuTyyppi, ...] = field(
        default=(), metadata=_any(LukuvuosiMaksuTyyppi, _("yearly fee"))
    )
    Jotpaasianumero: str | None = field(
        default=None, metadata=_maybe(forms.FUNDING_CASE, _("number of the funding case"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IlmoittautuminenMaksuTyyppi:
    """The yearly fee of a term enrolment: paid or not, the own share and the grant, in euros."""

    opiskeluoikeusAvain: str | None = field(
        default=None, metadata=_attribute(forms.KEY, _("key of the study right"), Times.MAYBE)
    )
    Maksettu: str = field(metadata=_one(forms.FEE_STATE, _("paid or not")))
    Summa: str | None = field(default=None, metadata=_maybe(forms.MONEY, _("sum paid")))
    Apuraha: str | None = field(default=None, metadata=_maybe(forms.MONEY, _("grant")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LukukausiIlmoittautuminen:
    """A term enrolment. It has no key of its own."""

    opiskelijaAvain: str = field(metadata=_attribute(forms.KEY, _("key of the student")))
    opiskeluoikeusAvain: str | None = field(
        default=None, metadata=_attribute(forms.KEY, _("key of the study right"), Times.MAYBE)
    )
    Myontaja: str = field(metadata=_one(forms.ORGANISATION, _("institution")))
    Tila: str = field(metadata=_one(forms.TERM_STATE, _("state of enrolment")))
    IlmoittautumisPvm: str = field(metadata=_one(forms.DAY, _("day of enrolment")))
    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str | None = field(default=None, metadata=_maybe(forms.DAY, _("last day")))
    YlioppilaskuntaJasen: str | None = field(
        default=None, metadata=_maybe(forms.SWITCH, _("member of the student union"))
    )
    YTHSMaksu: str | None = field(
        default=None, metadata=_maybe(forms.SWITCH, _("health service fee"))
    )
    LukuvuosiMaksu: IlmoittautuminenMaksuTyyppi | None = field(
        default=None, metadata=_maybe(IlmoittautuminenMaksuTyyppi, _("yearly fee"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteikkoArvosanaTyyppi:
    """One grade of another scale."""

    avain: str = field(metadata=_attribute(forms.KEY, _("key")))
    Koodi: str = field(metadata=_one(forms.GRADE, _("grade")))
    Nimi: str | None = field(default=None, metadata=_maybe(forms.NAME, _("name")))
    LaskennallinenArvo: str | None = field(
        default=None, metadata=_maybe(forms.CREDITS, _("value for computing"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteikkoTyyppi:
    """Another scale than the national ones."""

    avain: str = field(metadata=_attribute(forms.KEY, _("key")))
    Nimi: str | None = field(default=None, metadata=_maybe(forms.NAME, _("name")))
    AsteikkoArvosana: tuple[AsteikkoArvosanaTyyppi, ...] = field(
        default=(), metadata=_any(AsteikkoArvosanaTyyppi, _("grade of the scale"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArvosanaAsteikkoMuuTyyppi:
    """A grade on another scale."""

    Asteikko: AsteikkoTyyppi = field(metadata=_one(AsteikkoTyyppi, _("scale")))
    Koodi: str = field(metadata=_one(forms.GRADE, _("grade")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArvosanaTyyppi:
    """A grade: exactly one of the scales."""

    Viisiportainen: str | None = field(
        default=None, metadata=_maybe(forms.GRADE_FIVE, _("grade 1 to 5"))
    )
    ToinenKotimainen: str | None = field(
        default=None,
        metadata=_maybe(forms.GRADE_LANGUAGE, _("grade in the other national language")),
    )
    Hyvaksytty: str | None = field(default=None, metadata=_maybe(forms.GRADE_PASSED, _("passed")))
    Naytetyo: str | None = field(
        default=None, metadata=_maybe(forms.GRADE_ARTWORK, _("grade of a work of art"))
    )
    Tutkielma: str | None = field(
        default=None, metadata=_maybe(forms.GRADE_THESIS, _("grade of a thesis"))
    )
    EiKaytossa: str | None = field(
        default=None, metadata=_maybe(forms.GRADE_NONE, _("no grade in use"))
    )
    Muu: ArvosanaAsteikkoMuuTyyppi | None = field(
        default=None, metadata=_maybe(ArvosanaAsteikkoMuuTyyppi, _("grade on another scale"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpintosuoritusNimiTyyppi:
    """The name of an attainment, perhaps with its language."""

    kieli: str | None = field(
        default=None, metadata=_attribute(forms.LANGUAGE, _("language"), Times.MAYBE)
    )
    text: str = field(metadata=_content(forms.NAME))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpintosuoritusJulkinenLisatietoTyyppi:
    """A public remark on an attainment, perhaps with its language."""

    kieli: str | None = field(
        default=None, metadata=_attribute(forms.LANGUAGE, _("language"), Times.MAYBE)
    )
    text: str = field(metadata=_content(forms.PUBLIC_REMARK))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KoulutusalaVersioOsuusTyyppi:
    """A field of study with the share of the attainment that belongs to it (0 to 1)."""

    Koodi: KoulutusalaVersioTyyppi = field(
        metadata=_one(KoulutusalaVersioTyyppi, _("field of study"))
    )
    Osuus: str | None = field(default=None, metadata=_maybe(forms.SHARE, _("share")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SisaltyvyysTyyppi:
    """Another attainment that is part of this one, perhaps with fewer credits than its own."""

    sisaltyvaOpintosuoritusAvain: str = field(
        metadata=_attribute(forms.KEY, _("key of the included attainment"))
    )
    Opintopiste: str | None = field(default=None, metadata=_maybe(forms.CREDITS, _("ECTS credits")))
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opintosuoritus:
    """A study attainment; a degree is one of kind 1."""

    avain: str = field(metadata=_attribute(forms.KEY, _("key")))
    opiskelijaAvain: str = field(metadata=_attribute(forms.KEY, _("key of the student")))
    koulutusmoduulitunniste: str = field(
        metadata=_attribute(forms.MODULE, _("identifier of the education"))
    )
    valtakunnallinenKoulutusmoduulitunniste: str | None = field(
        default=None,
        metadata=_attribute(forms.MODULE, _("national identifier of the education"), Times.MAYBE),
    )
    opiskeluoikeusAvain: str | None = field(
        default=None, metadata=_attribute(forms.KEY, _("key of the study right"), Times.MAYBE)
    )
    SuoritusPvm: str = field(metadata=_one(forms.DAY, _("day of completion")))
    Laajuus: LaajuusLaajennettuTyyppi = field(metadata=_one(LaajuusLaajennettuTyyppi, _("size")))
    Arvosana: ArvosanaTyyppi = field(metadata=_one(ArvosanaTyyppi, _("grade")))
    Myontaja: str = field(metadata=_one(forms.ORGANISATION, _("granting institution")))
    Organisaatio: tuple[OrganisaatioRooliOsuusTyyppi, ...] = field(
        default=(), metadata=_any(OrganisaatioRooliOsuusTyyppi, _("organisation"))
    )
    Laji: str = field(metadata=_one(forms.ATTAINMENT_KIND, _("kind of attainment")))
    Nimi: tuple[OpintosuoritusNimiTyyppi, ...] = field(
        default=(), metadata=_any(OpintosuoritusNimiTyyppi, _("name"))
    )
    Kieli: str | None = field(default=None, metadata=_maybe(forms.LANGUAGE, _("language")))
    Koulutuskoodi: str | None = field(
        default=None, metadata=_maybe(forms.EDUCATION, _("education code"))
    )
    Koulutusala: tuple[KoulutusalaVersioOsuusTyyppi, ...] = field(
        default=(), metadata=_any(KoulutusalaVersioOsuusTyyppi, _("field of study"))
    )
    Sisaltyvyys: tuple[SisaltyvyysTyyppi, ...] = field(
        default=(), metadata=_any(SisaltyvyysTyyppi, _("included attainment"))
    )
    HyvaksilukuPvm: str | None = field(
        default=None, metadata=_maybe(forms.DAY, _("day of recognition"))
    )
    TKILaajuus: LaajuusLaajennettuTyyppi | None = field(
        default=None,
        metadata=_maybe(LaajuusLaajennettuTyyppi, _("size of research and development")),
    )
    TKILaajuusHarjoittelu: LaajuusLaajennettuTyyppi | None = field(
        default=None,
        metadata=_maybe(
            LaajuusLaajennettuTyyppi, _("size of research and development in a traineeship")
        ),
    )
    TKILaajuusMuu: LaajuusLaajennettuTyyppi | None = field(
        default=None,
        metadata=_maybe(LaajuusLaajennettuTyyppi, _("size of other research and development")),
    )
    OpetusharjoitteluTyyppi: str | None = field(
        default=None, metadata=_maybe(forms.TEACHING_PRACTICE, _("type of teaching practice"))
    )
    Opinnaytetyo: str | None = field(default=None, metadata=_maybe(forms.SWITCH, _("thesis")))
    Hankkeistettu: str | None = field(
        default=None, metadata=_maybe(forms.SWITCH, _("commissioned thesis"))
    )
    Patevyys: tuple[str, ...] = field(
        default=(), metadata=_any(forms.QUALIFICATION, _("qualification"))
    )
    Luokittelu: tuple[str, ...] = field(
        default=(), metadata=_any(forms.ATTAINMENT_CLASSIFICATION, _("classification"))
    )
    JulkinenLisatieto: tuple[OpintosuoritusJulkinenLisatietoTyyppi, ...] = field(
        default=(), metadata=_any(OpintosuoritusJulkinenLisatietoTyyppi, _("public remark"))
    )
    rest: tuple[Rest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Liikkuvuusjakso:
    """A mobility period as it is reported to the national service."""

    avain: str = field(metadata=_attribute(forms.KEY, _("key")))
    opiskelijaAvain: str = field(metadata=_attribute(forms.KEY, _("key of the student")))
    opiskeluoikeusAvain: str | None = field(
        default=None, metadata=_attribute(forms.KEY, _("key of the study right"), Times.MAYBE)
    )
    koulutusmoduulitunniste: str | None = field(
        default=None,
        metadata=_attribute(forms.MODULE, _("identifier of the education"), Times.MAYBE),
    )
    valtakunnallinenKoulutusmoduulitunniste: str | None = field(
        default=None,
        metadata=_attribute(forms.MODULE, _("national identifier of the education"), Times.MAYBE),
    )
    Myontaja: str = field(metadata=_one(forms.ORGANISATION, _("recording institution")))
    AlkuPvm: str = field(metadata=_one(forms.DAY, _("first day")))
    LoppuPvm: str = field(metadata=_one(forms.DAY, _("last day")))
    Suunta: str = field(metadata=_one(forms.DIRECTION, _("direction")))
    Maa: str = field(metadata=_one(forms.COUNTRY, _("country")))
    Tyyppi: str | None = field(
        default=None, metadata=_maybe(forms.MOBILITY_TYPE, _("type of mobility"))
    )
    Liikkuvuusohjelma: str | None = field(
        default=None, metadata=_maybe(forms.PROGRAMME, _("programme"))
    )
    OpiskeluoikeusTyyppi: str | None = field(
        default=None, metadata=_maybe(forms.RIGHT_TYPE, _("level of the studies"))
    )
    Luokittelu: tuple[str, ...] = field(
        default=(), metadata=_any(forms.MOBILITY_CLASSIFICATION, _("classification"))
    )
    rest: tuple[Rest, ...] = ()


Record = Opiskelija | Opiskeluoikeus | LukukausiIlmoittautuminen | Opintosuoritus | Liikkuvuusjakso

CHOICES: frozenset[type] = frozenset({ArvosanaTyyppi})
"""Elements that hold exactly one of their children."""


@dataclass(frozen=True)
class Kind:
    """One kind of record: its class, its element, the element that holds many of it, its words."""

    record: type[Record]
    element: str
    container: str
    label: str

    @property
    def shape(self) -> Shape:
        """What the class of the record declares."""
        record: Any = self.record  # mypy does not take a union of types for hashable
        return shape(record)


KINDS: tuple[Kind, ...] = (
    Kind(Opiskelija, "Opiskelija", "Opiskelijat", _("student")),
    Kind(Opiskeluoikeus, "Opiskeluoikeus", "Opiskeluoikeudet", _("study right")),
    Kind(
        LukukausiIlmoittautuminen,
        "LukukausiIlmoittautuminen",
        "LukukausiIlmoittautumiset",
        _("term enrolment"),
    ),
    Kind(Opintosuoritus, "Opintosuoritus", "Opintosuoritukset", _("attainment")),
    Kind(Liikkuvuusjakso, "Liikkuvuusjakso", "Liikkuvuusjaksot", _("mobility period")),
)
"""In the order in which a nested document holds them."""

KIND_OF: dict[type[Record], Kind] = {kind.record: kind for kind in KINDS}
KIND_BY_ELEMENT: dict[str, Kind] = {kind.element: kind for kind in KINDS}
KIND_BY_CONTAINER: dict[str, Kind] = {kind.container: kind for kind in KINDS}
NESTED = "Virta"
ROOTS: tuple[str, ...] = (NESTED, *KIND_BY_CONTAINER)


def key_of(record: Record) -> str:
    """The key by which a registrar finds the record; of a term enrolment its student and first day."""
    if isinstance(record, LukukausiIlmoittautuminen):
        return f"{record.opiskelijaAvain} {record.AlkuPvm}".strip()
    return record.avain


@dataclass(frozen=True)
class Part:
    """A declared attribute or child: its name, what it holds, how often, and its words."""

    name: str
    content: Form | Shape
    times: Times
    label: str

    @property
    def qualified(self) -> str:
        """The name with its namespace, as lxml writes it."""
        return f"{{{NAMESPACE}}}{self.name}"


@dataclass(frozen=True)
class Shape:
    """What a class declares: attributes, children in order, and the form of its text if it has one."""

    record: type
    attributes: tuple[Part, ...]
    children: tuple[Part, ...]
    text: Form | None
    choice: bool


@cache
def shape(record: type) -> Shape:
    """The declaration of `record`, read off its fields."""
    attributes: list[Part] = []
    children: list[Part] = []
    text: Form | None = None
    for declared in dataclasses.fields(record):
        role = declared.metadata.get("role")
        if role is None:
            continue
        content = declared.metadata["content"]
        if role == "content":
            text = content
            continue
        held = shape(content) if isinstance(content, type) else content
        part = Part(declared.name, held, declared.metadata["times"], declared.metadata["label"])
        (attributes if role == "attribute" else children).append(part)
    return Shape(record, tuple(attributes), tuple(children), text, record in CHOICES)
