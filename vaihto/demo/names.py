"""Names that people could have: short lists of our own, per language; nobody real is meant."""

from __future__ import annotations

import random
import unicodedata

MALE, FEMALE = "1", "2"

# Per language: given names of men, of women, family names (a pair where women's differ).
_LISTS: dict[str, tuple[str, str, str]] = {
    "fi": (
        "Eino Onni Väinö Leo Oliver Elias Eetu Lauri Aleksi Jussi Mikael Santeri Antti Ville Otso Arttu",
        "Aino Helmi Aada Venla Emma Sofia Iida Kerttu Saana Noora Hilla Elli Siiri Tuuli Vilma Riikka",
        (
            "Virtanen Korhonen Mäkinen Nieminen Mäkelä Laine Heikkinen Koskinen Järvinen Lehtonen Saarinen "
            "Salonen Tuominen Heinonen Niemi Kinnunen Salmi Ranta Ahonen Hiltunen Peltola Kallio Räsänen Vuori"
        ),
    ),
    "sv": (
        "Axel Oskar Emil Anton Viktor Jonas Rasmus Filip Sebastian Henrik",
        "Ebba Alva Ida Linnea Matilda Elin Hanna Moa Saga Cecilia",
        "Lindqvist Sundström Holmberg Nyström Sjöblom Granlund Backman Forsman Ekholm Söderlund Bergkvist Åkerman",
    ),
    "no": (
        "Lars Sindre Magnus Eirik Håkon Jonas Sander Even",
        "Ingrid Nora Silje Maren Astrid Thea Solveig Frida",
        "Haugen Bakken Solberg Strand Moen Lunde Nygård Fossum Vik Aasen",
    ),
    "et": (
        "Rasmus Kristjan Markus Siim Tanel Oskar Karl Joosep",
        "Liis Maarja Kadri Triin Anu Helena Piret Kertu",
        "Tamm Saar Sepp Kask Rebane Ilves Kuusk Pärn Lepik Oja",
    ),
    "es": (
        "Javier Pablo Sergio Álvaro Diego Marcos Hugo Iván Rubén Adrián Andrés Nicolás",
        "Lucía Carmen Elena Paula Marta Alba Sara Irene Clara Nuria Rocío Inés",
        (
            "García Moreno Navarro Ortega Serrano Molina Delgado Castro Rubio Marín Iglesias Vega Campos Fuentes "
            "Cabrera Herrera Lozano Prieto"
        ),
    ),
    "cs": (
        "Jakub Tomáš Ondřej Vojtěch Matěj Lukáš Petr Filip Štěpán Marek",
        "Tereza Eliška Adéla Kateřina Barbora Lenka Markéta Veronika Klára Zuzana",
        (
            "Novák/Nováková Svoboda/Svobodová Dvořák/Dvořáková Černý/Černá Procházka/Procházková Kučera/Kučerová "
            "Veselý/Veselá Horák/Horáková Němec/Němcová Pokorný/Pokorná Marek/Marková Beneš/Benešová Fiala/Fialová"
        ),
    ),
    "it": (
        "Luca Matteo Andrea Davide Simone Lorenzo Giacomo Pietro Filippo Marco",
        "Giulia Chiara Martina Francesca Elisa Alice Silvia Beatrice Federica Valentina",
        "Rossi Ferrari Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa Giordano Mancini Rizzo",
    ),
    "de": (
        "Lukas Felix Jonas Maximilian Paul Leon Niklas Tobias Florian Jannik",
        "Lena Hannah Marie Johanna Clara Sophie Leonie Katharina Nele Charlotte",
        (
            "Müller Schmidt Schneider Fischer Weber Becker Wagner Hoffmann Schäfer Koch Richter Klein Wolf Neumann "
            "Schwarz Krüger Lange Vogt"
        ),
    ),
    "pt": (
        "João Miguel Tiago Rodrigo Duarte Gonçalo Rui Nuno Afonso Pedro",
        "Mariana Inês Beatriz Catarina Leonor Rita Ana Sofia Joana Matilde",
        "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Carvalho Almeida Ribeiro Pinto Teixeira",
    ),
    "hr": (
        "Luka Ivan Marko Filip Josip Karlo Matej Ante Domagoj Borna",
        "Ana Lucija Petra Ivana Marija Nika Dora Lana Katarina Mia",
        "Horvat Kovačević Babić Marić Jurić Novak Knežević Vuković Perić Matić Pavlović Božić",
    ),
    "fr": (
        "Hugo Louis Arthur Jules Gabriel Théo Antoine Maxime Baptiste Clément",
        "Camille Léa Manon Chloé Juliette Louise Inès Margaux Élise Anaïs",
        "Martin Bernard Petit Durand Leroy Moreau Lefèvre Roux Fournier Girard Bonnet Lambert Fontaine",
    ),
    "nl": (
        "Daan Sem Bram Thijs Jasper Ruben Koen Niels Stijn Lars",
        "Sanne Lotte Fleur Anouk Femke Iris Roos Maud Noor Eva",
        "de-Vries Jansen Bakker Visser Smit Meijer Mulder de-Boer Dekker Brouwer van-Dijk Peeters",
    ),
    "pl": (
        "Jan Kacper Michał Jakub Mateusz Piotr Szymon Paweł",
        "Zofia Julia Maja Aleksandra Natalia Karolina Magdalena Ewa",
        (
            "Nowak Kowalski/Kowalska Wiśniewski/Wiśniewska Wójcik Kamiński/Kamińska Lewandowski/Lewandowska "
            "Zieliński/Zielińska Mazur Krawczyk Dąbrowski/Dąbrowska"
        ),
    ),
    "en": (
        "Liam Noah Owen Ethan Callum Jack Ryan Daniel Aidan Connor",
        "Grace Amelia Niamh Olivia Chloe Ella Hannah Zoe Ruby Molly",
        "Murphy Kelly Walker Hughes Bennett Clarke Foster Murray Ward Brooks Hayes Sullivan Parker Doyle",
    ),
    "ja": (
        "Haruto Ren Sota Yuto Kaito Takumi Daiki Riku",
        "Yui Hina Sakura Aoi Miyu Rin Haruka Nanami",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Mori",
    ),
    "ko": (
        "Minjun Seojun Jiho Hyunwoo Doyun Jihoon",
        "Seoyeon Jiwoo Minji Yuna Haeun Soyeon",
        "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim",
    ),
    "vi": (
        "Minh Quân Huy Đức Long Khoa Nam Phúc",
        "Linh Trang Hương Mai Thảo Ngọc Lan Vy",
        "Nguyễn Trần Lê Phạm Hoàng Phan Vũ Đặng Bùi Đỗ",
    ),
    "sw": (
        "Baraka Juma Otieno Kamau Mwangi Kiprono Wafula Ochieng",
        "Amani Wanjiku Achieng Nyambura Zawadi Chebet Atieno Makena",
        "Odhiambo Kariuki Njoroge Wekesa Mutua Kimani Cheruiyot Omondi Barasa Maina",
    ),
}
LANGUAGES = tuple(_LISTS)
_SPLIT = {
    language: tuple(tuple(word.replace("-", " ") for word in part.split()) for part in parts)
    for language, parts in _LISTS.items()
}


def invent(chance: random.Random, language: str) -> tuple[str, str, str]:
    """Given names, family name and gender of somebody whose family speaks `language`."""
    men, women, families = _SPLIT[language]
    gender = FEMALE if chance.random() < 0.56 else MALE
    firsts = women if gender == FEMALE else men
    given = chance.choice(firsts)
    if chance.random() < 0.35 and len(firsts) > 1:
        second = chance.choice(firsts)
        given = given if second == given else f"{given} {second}"
    family = chance.choice(families)
    if "/" in family:
        family = family.split("/")[gender == FEMALE]
    if language == "es":
        other = chance.choice(families)
        family = f"{family} {other}"
    return given, family, gender


def plain(text: str) -> str:
    """`text` in lower-case ASCII letters, as an address writes it."""
    flat = (
        text.replace("đ", "d")
        .replace("Đ", "D")
        .replace("ø", "o")
        .replace("ł", "l")
        .replace("ß", "ss")
    )
    letters = unicodedata.normalize("NFKD", flat).encode("ascii", "ignore").decode()
    return "".join(letter for letter in letters.lower() if letter.isalpha())


def address(given: str, family: str, number: int, domain: str) -> str:
    """An e-mail address at an invented domain; the number keeps namesakes apart."""
    return (
        f"{plain(given.split(maxsplit=1)[0])}.{plain(family.split(maxsplit=1)[0])}{number}@{domain}"
    )
