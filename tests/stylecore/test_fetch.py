"""A photo is fetched from where it may lie, and from nowhere else."""

import os

import pytest

from stylecore.fetch import NotFetchable, fetch


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "mug.jpg").write_bytes(b"photo")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return folder


def get(uri, *prefixes, max_bytes=1000):
    return fetch(str(uri), allowed_prefixes=tuple(map(str, prefixes)), max_bytes=max_bytes)


def test_a_photo_under_an_allowed_prefix_is_fetched(shop):
    assert get(shop / "mug.jpg", shop) == b"photo"
    assert get((shop / "mug.jpg").as_uri(), shop.as_uri()) == b"photo"
    assert get(shop / "sub" / ".." / "mug.jpg", shop) == b"photo"


@pytest.mark.parametrize(
    "escape",
    ["../secret.jpg", "link.jpg", "folder-link/secret.jpg", "/etc/passwd", "\0.jpg", "loop"],
)
def test_nothing_else_is(shop, escape):
    (shop / "link.jpg").symlink_to(shop.parent / "secret.jpg")
    (shop / "folder-link").symlink_to(shop.parent)
    (shop / "loop").symlink_to(shop / "loop")
    with pytest.raises(NotFetchable):
        get(f"{shop}/{escape}" if not escape.startswith("/") else escape, shop)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/a.jpg",
        "https://shop.example/a.jpg",
        "simplecache::file:///etc/passwd",
        "zip://a.jpg::file:///etc/archive.zip",
        "memory://a",
        "data:,x",
    ],
)
def test_no_other_scheme_is_allowed_unless_named(shop, uri):
    with pytest.raises(NotFetchable, match="no allowed prefix"):
        get(uri, shop)


def test_a_longer_host_name_does_not_pass_for_an_allowed_one():
    with pytest.raises(NotFetchable, match="no allowed prefix"):
        get("https://shop.example.evil/a.jpg", "https://shop.example")


def test_with_no_prefix_nothing_is_allowed(shop):
    with pytest.raises(NotFetchable, match="none"):
        get(shop / "mug.jpg")


def test_what_is_missing_a_folder_or_too_large_is_told(shop):
    with pytest.raises(NotFetchable, match=r"no photo can be read at .*missing"):
        get(shop / "missing.jpg", shop)
    with pytest.raises(NotFetchable, match="no photo can be read"):
        get(shop, shop)
    os.mkfifo(shop / "pipe.jpg")
    with pytest.raises(NotFetchable, match="no photo can be read"):
        get(shop / "pipe.jpg", shop)
    with pytest.raises(NotFetchable, match="over the limit of 4 bytes"):
        get(shop / "mug.jpg", shop, max_bytes=4)
