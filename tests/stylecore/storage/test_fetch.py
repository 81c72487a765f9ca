"""A photo is fetched from where it may lie, and from nowhere else."""

import os

import fsspec
import pytest
from hostile.servers import silent_server
from s3_server import BUCKET, s3_server
from s3fs import S3FileSystem

from stylecore.errors import Transient
from stylecore.storage.fetch import NotFetchable, fetch, version


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "mug.jpg").write_bytes(b"photo")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return folder


@pytest.fixture(scope="module")
def s3():
    S3FileSystem.clear_instance_cache()  # which may know another server
    with s3_server() as endpoint:
        yield endpoint


def get(uri, *prefixes, **bounds):
    bounds = {"max_bytes": 1000, **bounds}
    return fetch(str(uri), allowed_prefixes=tuple(map(str, prefixes)), **bounds)


def test_a_photo_under_an_allowed_prefix_is_fetched(shop):
    assert get(shop / "mug.jpg", shop) == b"photo"
    assert get((shop / "mug.jpg").as_uri(), shop.as_uri()) == b"photo"
    assert get(shop / "sub" / ".." / "mug.jpg", shop) == b"photo"


def test_a_file_uri_is_percent_encoded_and_may_name_localhost(shop):
    for name in ("blue mug.jpg", "müsli.jpg", "100%.jpg", "a+b.jpg", "50%20off.jpg"):
        (shop / name).write_bytes(name.encode())
        uri = (shop / name).as_uri()
        assert get(uri, shop) == name.encode()
        assert get(uri, shop.as_uri()) == name.encode()
        assert get(uri.replace("file://", "file://localhost"), shop) == name.encode()
        assert get(uri.replace("file://", "file:"), shop) == name.encode()
        assert get(shop / name, shop) == name.encode()  # a plain path is taken as it is
    assert get(f"file://{shop}/blue mug.jpg", shop) == b"blue mug.jpg"  # as older stores wrote it


@pytest.mark.parametrize(
    "uri",
    [
        "file://{shop}/%2e%2e/secret.jpg",
        "file://{shop}/..%2fsecret.jpg",
        "file://localhost{shop}/../secret.jpg",
        "file:{shop}/../secret.jpg",
        "file://elsewhere{shop}/mug.jpg",
        "file://{shop}/mug.jpg%00",
        "file://localhost",
        "file:mug.jpg",
        "file:",
    ],
)
def test_no_file_uri_leads_out_of_its_folder(shop, uri):
    with pytest.raises(NotFetchable):
        get(uri.format(shop=shop), shop)


KEYS = ["blue mug.jpg", "100% wool.jpg", "a%20b.jpg", "a+b&c=d.jpg", "müsli ☕.jpg", "a[1]*?.jpg"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("scheme", ["memory", "s3"])
def test_a_key_is_taken_as_it_is(scheme, key, request):
    root = f"s3://{BUCKET}" if request.getfixturevalue("s3") and scheme == "s3" else "memory://shop"
    fsspec.filesystem(scheme).pipe_file(f"{root}/photos/{key}", b"photo")
    assert get(f"{root}/photos/{key}", f"{root}/photos") == b"photo"
    for escape in ("../secret.jpg", "%2e%2e/secret.jpg", "a\nb", "..\\secret"):
        with pytest.raises(NotFetchable, match="no allowed prefix"):
            get(f"{root}/photos/{escape}", f"{root}/photos")
    with pytest.raises(NotFetchable, match="no photo can be read"):
        get(f"{root}/photos/none {key}", root)


def test_a_key_too_long_for_the_bucket_is_refused(s3):
    with pytest.raises(NotFetchable):
        get(f"s3://{BUCKET}/{'x' * 3000}.jpg", f"s3://{BUCKET}")


def test_a_bucket_that_does_not_answer_is_trouble_that_may_pass(monkeypatch):
    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(Transient, match="cannot be fetched now"):
        get(f"s3://{BUCKET}/a.jpg", f"s3://{BUCKET}")
    S3FileSystem.clear_instance_cache()


def test_a_bucket_that_keeps_silent_is_not_waited_for(monkeypatch):
    S3FileSystem.clear_instance_cache()
    with silent_server() as place:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{place}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with pytest.raises(Transient, match="1 s are over"):
            get(f"s3://{BUCKET}/a.jpg", f"s3://{BUCKET}", seconds=1)
    S3FileSystem.clear_instance_cache()


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


def version_of(uri, *prefixes, **bounds):
    bounds = {"max_bytes": 1000, **bounds}
    return version(str(uri), allowed_prefixes=tuple(map(str, prefixes)), **bounds)


@pytest.mark.parametrize("kind", ["folder", "memory", "s3"])
def test_the_version_changes_with_the_bytes_and_only_then(kind, request, shop):
    place = {"folder": str(shop), "memory": "memory://versions", "s3": f"s3://{BUCKET}/versions"}
    if kind == "s3":
        request.getfixturevalue("s3")
    root = place[kind]
    uri = f"{root}/mug & cup.jpg"

    def put(data):
        fsspec.open(uri, "wb").open().close()
        with fsspec.open(uri, "wb") as file:
            file.write(data)

    put(b"one")
    first = version_of(uri, root)
    assert version_of(uri, root) == first
    assert get(uri, root) == b"one"
    put(b"two")
    second = version_of(uri, root)
    assert second != first
    assert version_of(uri, root) == second
    for wrong in (f"{root}/none.jpg", f"{root}/../secret.jpg", "/etc/passwd"):
        with pytest.raises(NotFetchable):
            version_of(wrong, root)


def test_a_photo_renamed_over_another_is_another_though_size_and_time_agree(shop):
    photo, other = shop / "mug.jpg", shop / "other.jpg"
    other.write_bytes(b"other")
    found = photo.stat()
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    before = version_of(photo, shop)
    other.replace(photo)
    assert version_of(photo, shop) != before
