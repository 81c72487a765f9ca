"""No link, name or file leads out of a folder or a store, not even while it changes."""

import os
import threading
import uuid

import pytest

from stylecore.errors import Transient
from stylecore.storage.fetch import NotFetchable, fetch
from stylecore.storage.local_file import open_beneath
from stylecore.storage.store import NotInStore, Store
from workers.pictures import FetchBudget, make_decoder
from workers.settings import load_settings
from workers.stylize import photo_loader


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    (folder / "mugs").mkdir(parents=True)
    (folder / "mugs" / "mug.jpg").write_bytes(b"photo")
    (tmp_path / "mugs").mkdir()
    (tmp_path / "mugs" / "mug.jpg").write_bytes(b"secret")
    return folder


def load(uri, *prefixes, max_bytes=1000):
    return fetch(str(uri), allowed_prefixes=tuple(map(str, prefixes)), max_bytes=max_bytes)


def test_a_link_within_the_folder_is_followed(shop):
    (shop / "newest.jpg").symlink_to("mugs/mug.jpg")
    assert load(shop / "newest.jpg", shop) == b"photo"


def test_a_single_file_may_be_allowed(shop):
    photo = shop / "mugs" / "mug.jpg"
    assert load(photo, photo) == b"photo"


def test_a_folder_that_turns_into_a_link_after_the_check_leads_nowhere(shop, monkeypatch):
    """The race of a check and an open, at its worst moment: what is opened is what was checked."""
    mugs, opened = shop / "mugs", os.open

    def swap_and_open(*given, **named):
        monkeypatch.setattr(os, "open", opened)
        mugs.rename(shop / "aside")
        mugs.symlink_to(shop.parent / "mugs")
        return opened(*given, **named)

    monkeypatch.setattr(os, "open", swap_and_open)
    with pytest.raises((NotFetchable, Transient)):
        load(mugs / "mug.jpg", shop)
    assert (mugs / "mug.jpg").read_bytes() == b"secret"


def test_no_link_is_followed_below_the_folder(shop):
    (shop / "cups").symlink_to(shop.parent / "mugs")
    with (
        pytest.raises(PermissionError, match="is not in"),
        open_beneath(shop / "cups" / "mug.jpg", shop),
    ):
        pass


@pytest.mark.parametrize("device", ["/dev/zero", "/proc/self/environ", "/dev/stdin"])
def test_a_device_is_no_photo(device):
    with pytest.raises(NotFetchable):
        load(device, "/dev", max_bytes=100)


def test_a_name_longer_than_any_file_is_refused(shop):
    with pytest.raises(NotFetchable):
        load(f"{shop}/{'x' * 5000}.jpg", shop)


def test_a_link_in_the_store_does_not_lead_out_of_it(tmp_path):
    store = Store(str(tmp_path / "store"))
    address, _ = store.put_blob("models", b"factors", ".safetensors")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "store" / "models" / "link").symlink_to(secret)
    for read in (store.get, lambda uri: store.local_file(uri, tmp_path / "cache")):
        with pytest.raises(NotInStore, match="not an address of the store"):
            read(f"{store.uri}/models/link")
    assert store.get(address) == b"factors"


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize("name", ["a\0b", "a\nb", "../a", "a/../../b", "\x1b[2J", "%2e%2e/../a"])
def test_a_model_of_a_strange_name_is_not_looked_for(kind, name, tmp_path):
    store = Store(str(tmp_path / "store") if kind == "folder" else f"memory://{uuid.uuid4()}")
    for read in (store.get, lambda uri: store.local_file(uri, tmp_path / "cache")):
        with pytest.raises(NotInStore):
            read(f"{store.uri}/models/{name}")
    assert not (tmp_path / "cache").exists()


def test_what_is_too_large_is_not_read_from_the_store(tmp_path):
    store = Store(str(tmp_path))
    (tmp_path / "images").mkdir()
    with (tmp_path / "images" / "huge.webp").open("wb") as file:
        os.truncate(file.fileno(), 10**11)
    with pytest.raises(NotInStore, match="over the limit of 50000000 bytes"):
        store.get(f"{tmp_path}/images/huge.webp")


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/a.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://somebody-elses/a.png",
    ],
)
def test_the_worker_fetches_nothing_that_no_setting_names(uri, tmp_path):
    settings = load_settings(store={"uri": str(tmp_path / "store")})
    decoder, store = make_decoder(settings, 1, 256), Store(settings.store.uri)
    load_photo = photo_loader(settings, decoder, store, threading.Event(), FetchBudget(60))
    with pytest.raises(NotFetchable, match="under no allowed prefix"):
        load_photo(uri)
    decoder.close()
