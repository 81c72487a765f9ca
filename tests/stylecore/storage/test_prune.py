"""What may go from the store: what nothing names, is old, and was written by Stylecast."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.codec import encode
from schemas.events import Quality
from stylecore.storage.prune import FACTORS, IMAGES, find_unneeded, remove_if_old
from stylecore.storage.render_cache import SIDECAR_FOLDER as SIDECARS
from stylecore.storage.render_cache import Sidecar
from stylecore.storage.store import NotInStore, Store

LATER = datetime.now(UTC) + timedelta(days=1)
"""Everything that is written here is older than this."""
EARLIER = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    address = str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4()}"
    return Store(address)


def put_render(store, key, data):
    """An image and its sidecar; the image's digest."""
    address, digest = store.put_blob(IMAGES, data, ".webp")
    sidecar = Sidecar(
        image_uri=address,
        sha256=digest,
        width=1,
        height=1,
        media_type="image/webp",
        quality=Quality(),
    )
    store.put_sidecar(SIDECARS, key * 64, encode(sidecar))
    return bytes.fromhex(digest)


def names(files):
    return {file.name for file in files}


def test_an_image_stays_with_its_sidecar_while_a_record_names_it(store):
    named, other = put_render(store, "a", b"one"), put_render(store, "b", b"two")
    found = find_unneeded(store, {named}, LATER, 1)
    assert names(found.sidecars) == {"b" * 64}
    assert names(found.blobs[IMAGES]) == {other.hex()}
    assert (found.kept[IMAGES], found.kept[SIDECARS]) == (1, 1)


def test_one_image_of_two_sidecars_needs_both(store):
    shared = put_render(store, "a", b"same")
    assert put_render(store, "b", b"same") == shared
    assert names(find_unneeded(store, {shared}, LATER, 1).sidecars) == set()
    assert names(find_unneeded(store, set(), LATER, 1).sidecars) == {"a" * 64, "b" * 64}


@pytest.mark.parametrize("broken", [b"", b"[]", b"not JSON", b'{"sha256": "xyz"}'])
def test_a_sidecar_that_cannot_be_read_is_passed_over_and_counted(store, broken):
    named = put_render(store, "a", b"one")
    store.put_sidecar(SIDECARS, "b" * 64, broken)
    found = find_unneeded(store, {named}, LATER, 1)
    assert (found.sidecars, found.unreadable) == ([], 1)
    assert find_unneeded(store, set(), LATER, 1).unreadable == 1


def test_what_was_written_within_the_age_limit_stays(store):
    put_render(store, "a", b"one")
    found = find_unneeded(store, set(), EARLIER, 1)
    assert not found.sidecars
    assert not found.blobs[IMAGES]


def test_an_embedding_stays_while_a_record_names_its_photo(store):
    for photo in ("a" * 64, "b" * 64):
        store.put_sidecar("features", photo, b"{}")
    found = find_unneeded(store, {bytes.fromhex("a" * 64)}, LATER, 1)
    assert names(found.blobs["features"]) == {"b" * 64}


def test_the_newest_factors_stay_to_go_back_to(store):
    digests = [store.put_blob(FACTORS, data, ".bin")[1] for data in (b"1", b"2", b"3")]
    found = find_unneeded(store, {bytes.fromhex(digests[0])}, LATER, 1)
    assert names(found.blobs[FACTORS]) == {digests[1]}


def test_what_others_laid_there_stays(store):
    root = store.uri
    for path in ("images/logo.png", "photos/mug.jpg"):
        store._filesystem.makedirs(f"{root}/{path.partition('/')[0]}", exist_ok=True)
        store._filesystem.pipe_file(f"{root}/{path}", b"mine")
    found = find_unneeded(store, set(), LATER, 1)
    assert not any(found.blobs.values())
    assert store.get(f"{root}/photos/mug.jpg") == b"mine"


def test_a_file_left_half_written_goes(tmp_path):
    store = Store(str(tmp_path))
    put_render(store, "a", b"one")
    half = Path(tmp_path, IMAGES, "ab", ".tmp1x")
    half.parent.mkdir()
    half.write_bytes(b"hal")
    assert ".tmp1x" in names(find_unneeded(store, set(), LATER, 1).blobs[IMAGES])


def test_an_image_that_is_drawn_again_meanwhile_is_not_removed(store):
    put_render(store, "a", b"one")
    (file,) = find_unneeded(store, set(), LATER, 1).blobs[IMAGES]
    before = datetime.now(UTC)
    time.sleep(0.02)  # a file system's clock stands still for milliseconds
    store.put_blob(IMAGES, b"one", ".webp")
    assert not remove_if_old(store, file, before)
    assert store.content(file) == b"one"
    assert remove_if_old(store, file, LATER)
    with pytest.raises(NotInStore):
        store.content(file)
