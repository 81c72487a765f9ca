"""Makes the posters' typeface: the part of Noto Sans CJK SC Bold that headlines need.

`uv run --with fonttools python deploy/poster_font.py NotoSansCJK-Bold.ttc`, the file of Debian's
package fonts-noto-cjk. Kept are the simplified characters of GB 2312, the usual traditional ones of
Big5, kana, European alphabets, punctuation and signs. Its pair kerning is written beside it: text
is then set alike wherever Pillow runs, with HarfBuzz or without. The licence (OFL 1.1) asks that it
lies beside the font.
"""

import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

FOLDER = Path(__file__).parents[1] / "stylecore" / "poster" / "font"
FAMILY = "Noto Sans CJK SC"
BLOCKS = (
    (0x20, 0x7E),
    (0xA0, 0x24F),  # Latin
    (0x370, 0x3FF),  # Greek
    (0x400, 0x45F),  # Cyrillic
    (0x1E00, 0x1EFF),  # Vietnamese
    (0x2010, 0x205E),  # punctuation
    (0x2070, 0x209F),
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x22FF),  # letter-like signs, numbers, arrows, operators
    (0x2460, 0x24FF),
    (0x2500, 0x26FF),  # geometric and other signs
    (0x3000, 0x30FF),  # CJK punctuation, kana
    (0xFF00, 0xFFEF),  # full width
)
KERNED = [*range(0x21, 0x7F), *range(0xC0, 0x180)]
LEAST = 8
"""Thousandths of an em: nobody sees less."""


def characters() -> set[int]:
    """Every code point that is kept."""
    wanted = {code for first, last in BLOCKS for code in range(first, last + 1)}
    han = [chr(code) for code in range(0x4E00, 0xA000)]
    wanted |= {ord(sign) for sign in han if in_charset(sign, "gb2312")}
    wanted |= {ord(sign) for sign in han if in_charset(sign, "big5") and is_usual(sign)}
    return wanted


def in_charset(sign: str, charset: str) -> bool:
    return bool(sign.encode(charset, "ignore"))


def is_usual(sign: str) -> bool:
    """Whether it is in Big5's first level: the 5,401 most used ones."""
    return sign.encode("big5") <= b"\xc6\x7e"


def kerning(font: TTFont) -> dict[str, int]:
    """Two characters to what the first one's advance changes by, in thousandths of an em."""
    signs = {font.getBestCmap()[code]: chr(code) for code in KERNED if code in font.getBestCmap()}
    table = font["GPOS"].table
    indices = {
        index
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "kern"
        for index in record.Feature.LookupListIndex
    }
    pairs: dict[str, int] = {}
    for index in sorted(indices):
        for found in table.LookupList.Lookup[index].SubTable:
            part = found.ExtSubTable if found.LookupType == 9 else found
            if part.LookupType == 2:
                for (left, right), value in pairs_of(part, signs):
                    pairs.setdefault(signs[left] + signs[right], value)
    return {pair: value for pair, value in sorted(pairs.items()) if abs(value) >= LEAST}


def pairs_of(part: Any, names: Collection[str]) -> Iterator[tuple[tuple[str, str], int]]:
    lefts = [name for name in part.Coverage.glyphs if name in names]
    if part.Format == 1:
        rows = dict(zip(part.Coverage.glyphs, part.PairSet, strict=True))
        for left in lefts:
            for record in rows[left].PairValueRecord:
                if record.SecondGlyph in names:
                    yield (left, record.SecondGlyph), advance(record.Value1)
        return
    for left in lefts:
        row = part.Class1Record[part.ClassDef1.classDefs.get(left, 0)].Class2Record
        for right in sorted(names):
            yield (left, right), advance(row[part.ClassDef2.classDefs.get(right, 0)].Value1)


def advance(value: Any) -> int:
    return getattr(value, "XAdvance", 0) if value else 0


def main() -> None:
    collection = TTCollection(sys.argv[1])
    font = next(font for font in collection if font["name"].getDebugName(1).startswith(FAMILY))
    pairs = kerning(font)
    options = subset.Options(
        layout_features=[], name_IDs=[0, 1, 2, 4, 6, 13, 14], hinting=False, drop_tables=["vhea"]
    )
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vmtx", "DSIG"]
    worker = subset.Subsetter(options)
    worker.populate(unicodes=characters())
    worker.subset(font)
    font.save(FOLDER / "NotoSansCJKsc-Bold.otf")
    text = json.dumps(pairs, ensure_ascii=False, indent=0, separators=(",", ":"))
    (FOLDER / "kerning.json").write_text(text + "\n", encoding="utf-8")
    print(f"{FOLDER}: {len(font.getBestCmap())} characters, {len(pairs)} pairs")


if __name__ == "__main__":
    main()
