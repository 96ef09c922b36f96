"""The fonts that travel with the product: all there, the right one for each name, and poppler finds the same."""

import os
import shutil
import subprocess

import pytest

from transforms.fonts import files


def test_they_are_installed() -> None:
    assert files.missing() == ()
    assert len(files.FILES) == len(set(files.FILES)) == 34


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"name": "Helvetica"}, "Arimo_400Regular"),
        ({"name": "ArialMT", "weight": 700}, "Arimo_700Bold"),
        ({"name": "Times-Italic", "italic": True, "pitch": 16}, "Tinos_400Regular_Italic"),
        ({"name": "TimesNewRomanPSMT"}, "Tinos_400Regular"),
        ({"name": "Courier", "weight": 700, "italic": True, "pitch": 1}, "Cousine_700Bold_Italic"),
        ({"name": "Calibri", "pitch": 1}, "Carlito_400Regular"),
        ({"name": "Cambria"}, "Caladea_400Regular"),
        ({"name": "MS Sans Serif"}, "Arimo_400Regular"),
        ({"name": "NoSuchFont"}, "Arimo_400Regular"),
        ({"name": "NoSuchFont", "pitch": 16}, "Tinos_400Regular"),
        ({"name": "NoSuchFont", "pitch": 1}, "Cousine_400Regular"),
        ({"name": ""}, "Arimo_400Regular"),
        ({"name": "\xcb\xce\xcc\xe5", "charset": 134}, "NotoSansSC_400Regular"),
        ({"name": "Arial", "charset": 129}, "NotoSansKR_400Regular"),
        ({"name": "NoSuchFont", "charset": 128, "weight": 700}, "NotoSansJP_400Regular"),
        ({"name": "NoSuchFont", "charset": 136}, "NotoSansTC_400Regular"),
        ({"name": "NoSuchFont", "charset": 178}, "NotoSansArabic_400Regular"),
        ({"name": "MalgunGothic"}, "NotoSansKR_400Regular"),
        ({"name": "MS-Gothic"}, "NotoSansJP_400Regular"),
        ({"name": "PMingLiU"}, "NotoSansTC_400Regular"),
        ({"name": "Microsoft YaHei"}, "NotoSansSC_400Regular"),
        ({"name": "Mangal-Bold", "weight": 700}, "NotoSansDevanagari_400Regular"),
        ({"name": "NirmalaUI"}, "NotoSansDevanagari_400Regular"),
        ({"name": "Vrinda"}, "NotoSansBengali_400Regular"),
        ({"name": "Latha"}, "NotoSansTamil_400Regular"),
        ({"name": "Gautami"}, "NotoSansTelugu_400Regular"),
        ({"name": "Shruti"}, "NotoSansGujarati_400Regular"),
        ({"name": "Tunga"}, "NotoSansKannada_400Regular"),
        ({"name": "Kartika"}, "NotoSansMalayalam_400Regular"),
        ({"name": "Raavi"}, "NotoSansGurmukhi_400Regular"),
        ({"name": "Kalinga"}, "NotoSansOriya_400Regular"),
        ({"name": "ArabicTypesetting"}, "NotoSansArabic_400Regular"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_stands_in_for_a_font(asked: dict[str, object], name: str) -> None:
    found = files.stand_in(**asked)  # type: ignore[arg-type]

    assert found is not None
    assert found.stem == name
    assert found in files.FILES


@pytest.mark.parametrize(
    ("family", "has"),
    [
        ("Arimo", "Aé€Łőřжא₹"), ("Tinos", "Aж"), ("Cousine", "Aж"), ("Carlito", "Aж"), ("Caladea", "Aé"),
        ("Noto Sans Devanagari", "नA"), ("Noto Sans Arabic", "مﻢ"), ("Noto Sans KR", "처똠"), ("Noto Sans SC", "处箋"),
        ("Noto Sans JP", "処か"), ("Noto Sans TC", "處"),
    ],
)  # fmt: skip
def test_what_a_font_has(family: str, has: str) -> None:
    known = files.characters(family)

    assert [one for one in has if ord(one) not in known] == []
    assert not {0xFFFF, 0x10FFFF, 0x13000} & known


def test_a_font_that_is_not_ours_has_nothing() -> None:
    assert files.characters("DejaVu Sans") == frozenset()


FC_LIST = shutil.which("fc-list")


@pytest.mark.skipif(FC_LIST is None, reason="fontconfig is not installed")
def test_poppler_finds_these_files_and_none_of_the_machine() -> None:
    env = {"PATH": os.defpath, "FONTCONFIG_FILE": str(files.FONTCONFIG)}
    found = subprocess.run([str(FC_LIST), "--format=%{file}\n"], env=env, capture_output=True, text=True, check=True)

    assert {os.path.realpath(line) for line in found.stdout.split("\n") if line} == {
        os.path.realpath(file) for file in files.FILES
    }
