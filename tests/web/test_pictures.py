"""Pictures are fetched within the bounds of the settings, as the workers fetch them."""

import io
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from hostile.servers import server
from PIL import Image

from schemas.events import Quality, StylizedImage
from stylecore.errors import StylecastError
from stylecore.storage.fetch import NotFetchable
from workers.settings import load_settings
from workers.web.pictures import Pictures
from workers.web.server import decoder_of
from workers.web.shop import picture_of
from workers.web.tables import Tables

HERE = ["127.0.0.0/8"]


@contextmanager
def pictures_of(address: str, folder, **photos: object) -> Iterator[Pictures]:
    """Pictures that may be fetched from an address."""
    settings = load_settings(
        store={"uri": str(folder)}, photos={"allowed_prefixes": [f"{address}/photos"], **photos}
    )
    with closing(decoder_of(settings)) as decoder:
        yield Pictures(settings, decoder)


def test_a_network_of_the_settings_may_be_reached_and_no_other_inside(tmp_path):
    with server() as (address, asked):
        with pictures_of(address, tmp_path) as closed, pytest.raises(NotFetchable):
            closed.file(f"{address}/photos/mug.png")
        assert asked == []
        with pictures_of(address, tmp_path, allowed_networks=HERE) as opened:
            assert opened.file(f"{address}/photos/mug.png")
        assert asked == ["/photos/mug.png"]


def test_a_photo_that_drips_is_given_up_in_time(tmp_path):
    bounds = {"allowed_networks": HERE, "fetch_seconds": 0.5}
    with server() as (address, _), pictures_of(address, tmp_path, **bounds) as pictures:
        started = time.monotonic()
        with pytest.raises(StylecastError):
            pictures.file(f"{address}/photos/slow.png")
        assert time.monotonic() - started < 10


def test_a_picture_is_made_once(tmp_path):
    path = tmp_path / "mug.png"
    buffer = io.BytesIO()
    picture = Image.new("RGB", (300, 300), "#0a3d62")
    picture.paste("#f8efba", (0, 0, 150, 300))
    picture.save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    with pictures_of("http://127.0.0.1:1", tmp_path) as pictures:
        first = pictures.small(str(path), 160, "image/webp")
        path.unlink()
        assert pictures.small(str(path), 160, "image/webp") is first


def test_the_address_of_a_photo_changes_when_it_is_rendered_anew(tmp_path):
    """A browser keeps a picture for good under its address, and so does this process."""
    tables = Tables()
    uri = "mug.jpg"
    addresses = [picture_of(tables, "mug", "original", uri).address]
    for day, source in ((1, "a"), (2, "b"), (3, "b")):
        at = datetime(2026, 11, day, tzinfo=UTC)
        for style in ("ink", f"style-{day}"):
            render = render_of("mug", style, source * 64, at)
            tables.renders.setdefault("mug", {})[style] = render
        addresses.append(picture_of(tables, "mug", "original", uri).address)
    assert len(set(addresses)) == 3
    assert addresses[2] == addresses[3]


def render_of(product_id, style_id, source, at):
    return StylizedImage(
        product_id=product_id,
        style_id=style_id,
        image_uri="file:///render",
        width=1,
        height=1,
        media_type="image/webp",
        sha256="0" * 64,
        source_sha256=source,
        style_sha256="0" * 64,
        model="test",
        quality=Quality(),
        seed=0,
        rendered_at=at,
        job_id="job",
    )
