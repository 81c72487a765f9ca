"""Words: what a language lacks falls back on the topic's text, and the usual details are told."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from web.shop import NOW

from schemas.codec import InvalidEvent, decode
from schemas.events import PosterRequest, RejectionReason, Style
from stylecore.errors import SettingsError
from stylecore.imaging.palette import parse_palette
from stylecore.rendering.manifest import ADVICE
from workers.web.console import reason_in_words, window_of
from workers.web.shop import why
from workers.web.style_pages import style_of
from workers.web.tables import ShownItem, ShownReason, Tables
from workers.web.templates import LANGUAGES, WrongInput, detail_in, words_of

BLEND = {"style_id": "a", "label": "A", "weights": {"neon": 1}}
FORM = {"style_id": "a", "label": "A", "share.neon": "1", "ends_at": "2026-12-24T18:00"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_or_figure_that_is_newer_than_the_words_is_shown_all_the_same(language):
    words = words_of(language)
    reason = ShownReason(kind="of the future", text="Fresh from the future.")
    item = ShownItem(
        product_id="mug", style_id="neon", image_uri="/x", score=1, propensity=0.5, reason=reason
    )
    assert why(item, Tables(), words) == reason.text
    told = reason_in_words(RejectionReason(figure="sparkle", value=0.4, bound=0.5), words)
    assert "sparkle" in told
    assert "0.50" in told
    assert "odd" in reason_in_words(RejectionReason(figure="odd", text="?"), words)


def test_the_console_gives_the_gates_advice_in_the_words_of_the_record():
    words = words_of("en")
    for figure, advice in ADVICE.items():
        reason = RejectionReason(figure=figure, value=0.4, bound=0.5, text=advice)
        assert reason_in_words(reason, words).endswith(f": {advice}")


@pytest.mark.parametrize(
    ("event", "fields", "told"),
    [
        (Style, {**BLEND, "style_id": "a/b"}, "style_id：编号须为"),
        (Style, {**BLEND, "label": ""}, "label：至少需要 1 个字符"),
        (Style, {"style_id": "a", "label": "A"}, "比例和参考图"),
        (Style, {"style_id": "a"}, "缺少 label"),
        (Style, {**BLEND, "seed": -1}, "seed：不得小于 0"),
        (Style, {**BLEND, "weights": 3}, "需要 object"),
        (Style, {**BLEND, "palette": ["red"]}, "颜色须写作 #rrggbb"),
        (Style, {**BLEND, "style_id": "original"}, "保留给原照片"),
        (PosterRequest, {"poster_id": "p", "headline": "x" * 501}, "最多 500 个字符"),
    ],
)
def test_what_a_contract_says_is_told_in_chinese(event, fields, told):
    with pytest.raises(InvalidEvent) as refused:
        decode(event, msgspec.json.encode(fields))
    assert told in detail_in(words_of("zh"), str(refused.value))
    assert detail_in(words_of("en"), str(refused.value)) == str(refused.value)


def test_what_others_say_is_told_in_chinese_and_the_unknown_stays():
    words = words_of("zh")
    with pytest.raises(SettingsError) as no_colour:
        parse_palette("red")
    assert detail_in(words, str(no_colour.value)).startswith("'red' 不是颜色")
    assert detail_in(words, "17 bytes are no readable photo: none of PNG") == "这不是可读取的图片"
    assert detail_in(words, "something else") == "something else"


def test_a_time_keeps_the_offset_that_it_names():
    style = style_of({**FORM, "starts_at": "2026-12-01T09:00+08:00"}, "/uploads/")
    assert style.campaign.starts_at == datetime(2026, 12, 1, 1, tzinfo=UTC)
    assert style.campaign.ends_at == datetime(2026, 12, 24, 18, tzinfo=UTC)
    with pytest.raises(WrongInput, match="both times"):
        style_of({**FORM, "starts_at": "0001-01-01T00:00+08:00"}, "/uploads/")


def test_a_campaign_is_planned_then_runs_then_is_over():
    style = style_of({**FORM, "starts_at": "2026-12-01T09:00"}, "/uploads/")
    start, end = style.campaign.starts_at, style.campaign.ends_at
    moment = timedelta(seconds=1)
    found = [window_of(style, at) for at in (start - moment, start, end - moment, end)]
    assert found == ["planned", "running", "running", "over"]
    assert window_of(msgspec.structs.replace(style, campaign=None), NOW) is None
