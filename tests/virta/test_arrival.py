"""Bringing a VIRTA document in, and sending it out again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from tests.cast import NOON, institution
from vaihto.classification import actions as classification
from vaihto.classification.models import Period, Verdict
from vaihto.imports import actions as imports
from vaihto.imports.models import Batch
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.mobilities.models import Mobility
from vaihto.people.models import StudyRight, TermEnrolment
from vaihto.transcripts.models import Attainment
from vaihto.virta import actions
from vaihto.virta.models import ExportRun, Form

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("test")
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Virta xmlns="urn:mace:funet.fi:virta/2015/09/01">
<Opiskelija avain="S-1"><Henkilotunnus>010203A</Henkilotunnus><Sukunimi>Esimerkki</Sukunimi><Etunimet>Aino</Etunimet><Sukupuoli>2</Sukupuoli><Kansalaisuus>246</Kansalaisuus><Kansalaisuus>752</Kansalaisuus><KansallinenOppijanumero>1.2.246.562.24.10000000018</KansallinenOppijanumero>
<Opiskeluoikeudet>
<Opiskeluoikeus avain="R-1" opiskelijaAvain="S-1"><AlkuPvm>2021-08-01</AlkuPvm><Tila><AlkuPvm>2021-08-01</AlkuPvm><Koodi>1</Koodi></Tila><Tyyppi>1</Tyyppi><Myontaja>02472</Myontaja><Jakso koulutusmoduulitunniste="BBA" valtakunnallinenKoulutusmoduulitunniste="N-1"><AlkuPvm>2021-08-01</AlkuPvm><Koulutuskunta>743</Koulutuskunta><Rahoituslahde>1</Rahoituslahde><Nimi kieli="fi">Liiketalous</Nimi></Jakso><Ensisijaisuus><AlkuPvm>2021-08-01</AlkuPvm></Ensisijaisuus><Laajuus><Opintopiste>210.0</Opintopiste></Laajuus></Opiskeluoikeus>
</Opiskeluoikeudet>
<LukukausiIlmoittautumiset>
<LukukausiIlmoittautuminen opiskelijaAvain="S-1" opiskeluoikeusAvain="R-1"><Myontaja>02472</Myontaja><Tila>1</Tila><IlmoittautumisPvm>2022-07-15</IlmoittautumisPvm><AlkuPvm>2022-08-01</AlkuPvm><LoppuPvm>2022-12-31</LoppuPvm><YlioppilaskuntaJasen>1</YlioppilaskuntaJasen></LukukausiIlmoittautuminen>
</LukukausiIlmoittautumiset>
<Opintosuoritukset>
<Opintosuoritus avain="A-1" opiskelijaAvain="S-1" koulutusmoduulitunniste="EXCH-1" opiskeluoikeusAvain="R-1"><SuoritusPvm>2022-12-15</SuoritusPvm><Laajuus><Opintopiste>30.0</Opintopiste></Laajuus><Arvosana><Hyvaksytty>HYV</Hyvaksytty></Arvosana><Myontaja>02472</Myontaja><Organisaatio><Rooli>3</Rooli><Koodi>UK</Koodi></Organisaatio><Laji>2</Laji><Nimi kieli="en">Exchange studies</Nimi><HyvaksilukuPvm>2023-02-10</HyvaksilukuPvm></Opintosuoritus>
</Opintosuoritukset>
<Liikkuvuusjaksot>
<Liikkuvuusjakso avain="M-1" opiskelijaAvain="S-1" opiskeluoikeusAvain="R-1"><Myontaja>02472</Myontaja><AlkuPvm>2022-09-01</AlkuPvm><LoppuPvm>2022-12-20</LoppuPvm><Suunta>1</Suunta><Maa>724</Maa><Tyyppi>1</Tyyppi><Liikkuvuusohjelma>101</Liikkuvuusohjelma><Luokittelu>b</Luokittelu></Liikkuvuusjakso>
</Liikkuvuusjaksot>
</Opiskelija>
<Opiskelija avain="S-2"><Henkilotunnus>020304A</Henkilotunnus><Sukunimi>Rossi</Sukunimi><Etunimet>Chiara</Etunimet><Sukupuoli>2</Sukupuoli><Kansalaisuus>380</Kansalaisuus>
<Opiskeluoikeudet>
<Opiskeluoikeus avain="R-2" opiskelijaAvain="S-2"><AlkuPvm>2024-08-01</AlkuPvm><LoppuPvm>2024-12-31</LoppuPvm><Tila><AlkuPvm>2024-08-01</AlkuPvm><Koodi>1</Koodi></Tila><Tyyppi>9</Tyyppi><Myontaja>02472</Myontaja><Jakso koulutusmoduulitunniste="EXCH"><AlkuPvm>2024-08-01</AlkuPvm><Koulutuskunta>743</Koulutuskunta></Jakso><Ensisijaisuus><AlkuPvm>2024-08-01</AlkuPvm></Ensisijaisuus></Opiskeluoikeus>
</Opiskeluoikeudet>
<Liikkuvuusjaksot>
<Liikkuvuusjakso avain="M-2" opiskelijaAvain="S-2" opiskeluoikeusAvain="R-2"><Myontaja>02472</Myontaja><AlkuPvm>2024-08-26</AlkuPvm><LoppuPvm>2024-12-18</LoppuPvm><Suunta>2</Suunta><Maa>380</Maa><Tyyppi>1</Tyyppi><Liikkuvuusohjelma>101</Liikkuvuusohjelma><OpiskeluoikeusTyyppi>1</OpiskeluoikeusTyyppi></Liikkuvuusjakso>
</Liikkuvuusjaksot>
</Opiskelija>
</Virta>
"""


@pytest.fixture
def uas(db: None) -> Institution:
    return institution(
        "south.example",
        name="Southern UAS",
        national_code="02472",
        sector="uas",
        holds_everything=True,
    )


def bring(place: Institution, document: str, folder: Path, *, name: str = "virta.xml") -> Batch:
    """The document read, previewed and confirmed as a whole."""
    file = folder / name
    file.write_text(document, "utf-8")
    batch = imports.receive(
        actor=SYSTEM, institution=place, kind="virta", file=file, name=name, now=NOON
    )
    batch = imports.make_preview(actor=SYSTEM, batch=batch, now=NOON)
    if batch.created or batch.changed:
        batch = imports.carry_out(
            actor=SYSTEM, batch=batch, mode=Batch.Mode.ALL_OR_NOTHING, now=NOON
        )
        classification.judge_all(now=NOON)
    return batch


def canonical(text: bytes) -> bytes:
    root = etree.fromstring(text, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(root, method="c14n")


def test_what_came_in_goes_out_with_equal_content(uas: Institution, tmp_path: Path) -> None:
    batch = bring(uas, DOCUMENT, tmp_path)

    assert batch.counts() == {"created": 8, "changed": 0, "unchanged": 0, "refused": 0}
    run = actions.export(actor=SYSTEM, institution=uas, form=Form.NESTED, now=NOON)
    assert canonical(run.file.read_bytes()) == canonical(DOCUMENT.encode())
    assert run.left_out == 0


def test_the_records_have_meaning_here(uas: Institution, tmp_path: Path) -> None:
    bring(uas, DOCUMENT, tmp_path)

    stay = Mobility.objects.get(sides__key="M-1")
    assert (stay.purpose, stay.programme, stay.planned_blended) == ("study", "erasmus", True)
    assert [(s.mode, s.country) for s in stay.segments.all().order_by("mode")] == [
        ("physical", "724"),
        ("virtual", "246"),
    ]
    assert StudyRight.objects.get(key="R-1").spells.get().names == {"fi": "Liiketalous"}
    assert Attainment.objects.get().granted_by == "foreign_hei"
    assert TermEnrolment.objects.get().state == "1"
    period = Period.objects.get(key="M-1")
    assert (period.days, period.classifications) == (111, ["b"])
    counted = Verdict.objects.get(period=period, scheme="oph")
    assert (counted.included, counted.kind, counted.year) == (True, "long_outgoing", 2022)


def test_bringing_the_same_document_again_changes_nothing(uas: Institution, tmp_path: Path) -> None:
    bring(uas, DOCUMENT, tmp_path)

    again = bring(uas, DOCUMENT, tmp_path)

    assert again.counts() == {"created": 0, "changed": 0, "unchanged": 8, "refused": 0}


def test_our_own_richer_record_is_left_alone_by_a_document_that_says_the_same(
    uas: Institution, tmp_path: Path
) -> None:
    bring(uas, DOCUMENT, tmp_path)
    stay = Mobility.objects.get(sides__key="M-1")
    virtual = stay.segments.get(mode="virtual")
    virtual.start, virtual.end = NOON.date().replace(2022, 8, 1), NOON.date().replace(2022, 8, 15)
    virtual.save()

    again = bring(uas, DOCUMENT, tmp_path)

    assert again.unchanged == 8
    virtual.refresh_from_db()
    assert virtual.start is not None


def test_a_document_that_says_otherwise_changes_the_record(
    uas: Institution, tmp_path: Path
) -> None:
    bring(uas, DOCUMENT, tmp_path)

    batch = bring(uas, DOCUMENT.replace("<LoppuPvm>2022-12-20", "<LoppuPvm>2022-12-22"), tmp_path)

    assert (batch.changed, batch.unchanged) == (1, 7)
    assert Period.objects.get(key="M-1").end.isoformat() == "2022-12-22"


def test_what_is_kept_aside_is_named(uas: Institution, tmp_path: Path) -> None:
    batch = bring(uas, DOCUMENT, tmp_path)

    sentence, facts = batch.notes[0]
    assert sentence.startswith("Kept with the records")
    assert "Opiskeluoikeus/Laajuus (1)" in facts["names"]


def test_a_record_of_another_institution_is_refused_by_itself(
    uas: Institution, tmp_path: Path
) -> None:
    document = DOCUMENT.replace(
        'avain="M-2" opiskelijaAvain="S-2" opiskeluoikeusAvain="R-2"><Myontaja>02472',
        'avain="M-2" opiskelijaAvain="S-2" opiskeluoikeusAvain="R-2"><Myontaja>10122',
    )
    with pytest.raises(imports.LinesRefused):
        bring(uas, document, tmp_path)
    batch = Batch.objects.get()
    assert (batch.refused, Mobility.objects.count()) == (1, 0)


def test_a_record_the_schema_forbids_is_refused_with_its_reason(
    uas: Institution, tmp_path: Path
) -> None:
    file = tmp_path / "broken.xml"
    file.write_text(DOCUMENT.replace("<Maa>724</Maa>", "<Maa>72</Maa>"), "utf-8")
    batch = imports.receive(
        actor=SYSTEM, institution=uas, kind="virta", file=file, name="broken.xml", now=NOON
    )

    batch = imports.make_preview(actor=SYSTEM, batch=batch, now=NOON)

    assert batch.counts() == {"created": 7, "changed": 0, "unchanged": 0, "refused": 1}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "not xml",
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><Virta xmlns="urn:mace:funet.fi:virta/2015/09/01">&a;</Virta>',
        '<?xml version="1.0"?><Other/>',
    ],
)
def test_what_is_no_virta_document_is_refused_whole(
    uas: Institution, tmp_path: Path, document: str
) -> None:
    from vaihto.refusals import Refusal  # noqa: PLC0415 - only here

    with pytest.raises(Refusal):
        bring(uas, document, tmp_path)
    assert Mobility.objects.count() == 0
    assert Batch.objects.filter(state=Batch.State.DONE).count() == 0


def test_a_separate_file_of_periods_comes_in_as_well(uas: Institution, tmp_path: Path) -> None:
    bring(uas, DOCUMENT, tmp_path)
    run: ExportRun = actions.export(actor=SYSTEM, institution=uas, now=NOON + timedelta(hours=1))
    text = run.file.read_text("utf-8").replace("2024-12-18", "2024-12-19")

    batch = bring(uas, text, tmp_path, name="Liikkuvuusjaksot.xml")

    assert (batch.changed, batch.unchanged, batch.refused) == (1, 1, 0)
