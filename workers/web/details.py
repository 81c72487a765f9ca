"""The usual details of contracts, pictures and posters in other languages than their English.

They come as text, from msgspec and from the other packages; what is not known here stays as it is.
"""

from __future__ import annotations

import re

from workers.web.words import DEFAULT, Words

_PLACE = re.compile(
    r"(?:not a valid \w+: )?(?P<what>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?", re.DOTALL
)
_USUAL = {
    "short": r"Expected `str` of length >= (?P<least>\d+)",
    "long": r"Expected `str` of length <= (?P<most>\d+)",
    "few": r"Expected `\w+` of length >= (?P<least>\d+)",
    "many": r"Expected `\w+` of length <= (?P<most>\d+)",
    "least": r"Expected `\w+` >=? (?P<least>\S+)",
    "most": r"Expected `\w+` <=? (?P<most>\S+)",
    "id": r"Expected an id of .*",
    "colour": r"Expected a colour as .*",
    "missing": r"Object missing required field `(?P<name>\w+)`",
    "choice": r"Invalid enum value (?P<value>.*)",
    "kind": r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`",
    "campaign": r"campaign: ends_at must be after starts_at",
    "campaign_far": r"campaign: (?P<name>\w+) .* is more than ten years from now; .*",
    "source": r"exactly one of weights or reference_uri is needed",
    "reserved": r"style_id 'original' is reserved .*",
    "no_colour": r"palette: (?P<value>.*) is no colour; .*",
    "many_colours": r"palette: (?P<count>\d+) colours are too many; .*",
    "no_photo": r"\d+ bytes (?:are no readable photo|crashed the decoder|took over) ?.*",
    "large_photo": r"(?P<size>\d+ x \d+) pixels are over the limit of (?P<most>\d+)",
    "no_logo": r"the logo is no readable .*",
    "clear_logo": r"the logo is transparent all over",
    "large_logo": r"a logo of (?P<size>\d+ x \d+) pixels: .* (?P<most>\d+) in all",
    "no_product": r"there is no product (?P<product>.+?): .*",
    "no_render": r"there is no render of (?P<product>.+?) in (?P<style>.+?): .*",
    "too_long": r"the (?P<what>\w+) of (?P<count>\d+) characters does not fit .*",
    "no_sign": r"the (?P<what>\w+) has characters that the typeface lacks: (?P<signs>.*); .*",
    "empty": r"the (?P<what>\w+) is empty",
}
"""By the key of the word files, without `detail.`."""


def detail_in(words: Words, text: str) -> str:
    """The detail in the language, with the field that it is about."""
    if words.language == DEFAULT:
        return text
    place = _PLACE.fullmatch(text)
    what = place["what"] if place else text
    field = place["field"] if place else None
    for name, pattern in _USUAL.items():
        found = re.fullmatch(pattern, what, re.DOTALL)
        if found:
            told = words(f"detail.{name}", **found.groupdict())
            return words("detail.at", field=field, told=told) if field else told
    return text
