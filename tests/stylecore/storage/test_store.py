"""What is stored stays, under an address made of its content; who writes first wins."""

import errno
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest
from gcs_server import BUCKET as GCS_BUCKET
from gcs_server import gcs_server
from s3_server import BUCKET, s3_server
from s3fs import S3FileSystem

from schemas.codec import encode
from schemas.events import Quality
from stylecore.errors import Permanent, SettingsError, Transient
from stylecore.storage.local_file import local_path
from stylecore.storage.render_cache import Sidecar, read_embedding, read_sidecar, write_sidecar
from stylecore.storage.store import NotInStore, Store

REMOTE = ["s3", "gcs"]
KINDS = ["folder", "memory", *REMOTE]
ODD = "100% of our+shop/\u00fcber a%20b"
"""A folder's name with what addresses escape."""


@pytest.fixture(scope="module")
def s3():
    S3FileSystem.clear_instance_cache()  # which may know another server
    with s3_server():
        yield f"s3://{BUCKET}"


@pytest.fixture(scope="module")
def gcs():
    with gcs_server():
        yield f"gs://{GCS_BUCKET}"


@pytest.fixture
def address_of(request, tmp_path):
    """From kind of store to the address of an empty one."""

    def address(kind, folder=""):
        name = f"{uuid.uuid4()}/{folder}".rstrip("/")
        roots = {"folder": str(tmp_path), "memory": "memory:/"}
        root = request.getfixturevalue(kind) if kind in REMOTE else roots[kind]
        return f"{root}/{name}"

    return address


@pytest.fixture(params=KINDS)
def store(request, address_of):
    return Store(address_of(request.param))


def test_a_blob_comes_back_from_the_address_made_of_its_sha256(store):
    address, digest = store.put_blob("images", b"a picture", ".webp")
    assert digest == sha256(b"a picture").hexdigest()
    assert address.endswith(f"images/{digest[:2]}/{digest}.webp")
    assert address.startswith(store.uri)
    assert store.get(address) == b"a picture"


def test_the_same_blob_has_the_same_address(store):
    assert store.put_blob("a", b"x", "") == store.put_blob("a", b"x", "")


def test_the_first_sidecar_under_a_key_stays(store):
    assert store.get_sidecar("renders", "abc") is None
    assert store.put_sidecar("renders", "abc", b"first") == b"first"
    assert store.put_sidecar("renders", "abc", b"second") == b"first"
    assert store.get_sidecar("renders", "abc") == b"first"


@pytest.mark.parametrize("escape", ["file:///etc/passwd", "/etc/passwd", "{uri}/../secret"])
def test_an_address_outside_is_refused(store, escape):
    with pytest.raises(NotInStore):
        store.get(escape.format(uri=store.uri))


def test_nothing_at_an_address_is_told(store):
    with pytest.raises(NotInStore, match="nothing is stored"):
        store.get(f"{store.uri}/images/ab/abc.webp")


@pytest.mark.parametrize("kind", ["folder", *REMOTE])
def test_of_writers_at_the_same_time_all_get_the_winners(kind, address_of):
    store, writers = Store(address_of(kind)), 8
    contents = [f"writer {number}".encode() * 1000 for number in range(writers)]
    for key in ("key", "another", "third"):
        together = Barrier(writers)

        def put(data, key=key, together=together):
            together.wait()
            return store.put_sidecar("renders", key, data)

        with ThreadPoolExecutor(writers) as executor:
            kept = set(executor.map(put, contents))
        assert len(kept) == 1
        assert kept <= set(contents)
        assert {store.get_sidecar("renders", key)} == kept
    assert len(store.files("renders")) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_may_have_any_name(kind, address_of):
    store = Store(address_of(kind, ODD))
    address, _ = store.put_blob("images", b"a picture", ".webp")
    assert store.get(address) == b"a picture"
    assert store.put_sidecar("renders", "key", b"first") == b"first"
    assert store.put_sidecar("renders", "key", b"second") == b"first"
    assert [store.content(file) for file in store.files("images")] == [b"a picture"]
    assert [store.address_of(file) for file in store.files("images")] == [address]
    again = Store(store.uri)
    assert (again.uri, again.get(address)) == (store.uri, b"a picture")


def test_a_folder_may_be_named_by_a_file_uri(tmp_path):
    folder = tmp_path / ODD
    address, _ = Store(folder.as_uri()).put_blob("images", b"x", "")
    assert address.startswith("file:///")
    assert local_path(address).is_relative_to(folder)
    assert Store(f"file://localhost{folder.as_uri().removeprefix('file://')}").get(address) == b"x"
    assert Store(str(folder)).get(str(local_path(address))) == b"x"
    with pytest.raises(SettingsError, match="another host"):
        Store("file://elsewhere/folder")


@pytest.mark.parametrize("damage", [b"", b"a pict", b"\0" * 9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_blob_is_written_again(kind, damage, address_of):
    store = Store(address_of(kind))
    address, _ = store.put_blob("images", b"a picture", ".webp")
    overwrite(store, address, damage)
    assert store.put_blob("images", b"a picture", ".webp")[0] == address
    assert store.get(address) == b"a picture"


UNREADABLE = [
    b"",
    b"{}",
    b"[1]",
    b"null",
    b"\xff\xfe",
    b"{" * 100_000,
    b'{"image_uri": 1}',
    b'{"model": "1", "vector": []}',
    b'{"model": "1", "vector": [1e300]}',
]


@pytest.mark.parametrize("broken", UNREADABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_sidecar_that_cannot_be_read_counts_as_absent_and_is_replaced(kind, broken, address_of):
    store = Store(address_of(kind))
    store.put_sidecar("renders", "key", broken)
    store.put_sidecar("features", "key", broken)
    assert read_sidecar(store, "key") is None
    assert read_embedding(store, "key") is None
    sidecar = sidecar_in(store, b"a picture")
    assert write_sidecar(store, "key", sidecar) == sidecar
    assert read_sidecar(store, "key") == sidecar


@pytest.mark.parametrize("kind", KINDS)
def test_so_does_one_whose_image_is_gone_empty_or_elsewhere(kind, address_of, tmp_path):
    store = Store(address_of(kind))
    (tmp_path / "other").write_bytes(b"x")
    elsewhere = str(tmp_path / "other")
    for number, image_uri in enumerate(["missing", "empty", elsewhere, "s3://other/picture"]):
        sidecar = sidecar_in(store, b"%d" % number)
        if image_uri == "missing":
            (file,) = [f for f in store.files("images") if sidecar.sha256 in f.path]
            store.remove(file)
        elif image_uri == "empty":
            overwrite(store, sidecar.image_uri, b"")
        else:
            sidecar = Sidecar(**{**as_dict(sidecar), "image_uri": image_uri})
        key = f"key{number}"
        store.put_sidecar("renders", key, encode(sidecar))
        assert read_sidecar(store, key) is None
        better = sidecar_in(store, b"better")
        assert write_sidecar(store, key, better) == better
        assert read_sidecar(store, key) == better
        assert write_sidecar(store, key, sidecar_in(store, b"late")) == better


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_is_checked_by_a_file_that_does_not_stay(kind, address_of):
    store = Store(address_of(kind))
    for _ in range(2):
        store.check()
        assert store.files("checks") == []


def test_a_store_in_which_two_writers_win_is_told(monkeypatch):
    store = Store(f"memory://{uuid.uuid4()}")
    monkeypatch.setattr(
        Store, "_create", lambda self, *given: self._replace(*given, durable=True) or True
    )
    with pytest.raises(Permanent, match="no conditional writes"):
        store.check()


def test_files_are_synced_before_they_get_their_names(tmp_path, monkeypatch):
    """A power cut after `link` leaves the whole file: it was on the disk before."""
    done, fsync, link = [], os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("sync"), fsync(handle)))
    monkeypatch.setattr(os, "link", lambda a, b: (done.append("link"), link(a, b)))
    (tmp_path / "renders" / "ke").mkdir(parents=True)
    Store(str(tmp_path)).put_sidecar("renders", "key", b"x")
    assert done == ["sync", "link", "sync"]


def test_a_file_system_that_syncs_no_folders_is_good_enough(tmp_path, monkeypatch):
    fsync = os.fsync

    def files_only(handle):
        if Path(f"/proc/self/fd/{handle}").is_dir():
            raise OSError(errno.EINVAL, "no such thing here")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    store = Store(str(tmp_path))
    assert store.get(store.put_blob("images", b"x", "")[0]) == b"x"


def test_a_remote_store_that_is_away_is_trouble_that_may_pass(monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    S3FileSystem.clear_instance_cache()  # which may know another server
    with s3_server():
        address = f"s3://{BUCKET}/away"
        store = Store(address)
        S3FileSystem.clear_instance_cache()
        store.put_sidecar("renders", "key", b"x")
    for call in (
        lambda: store.put_blob("images", b"x", ""),
        lambda: store.get_sidecar("renders", "key"),
        lambda: store.get(f"{address}/images/x"),
        lambda: store.files("renders"),
    ):
        with pytest.raises(Transient, match="the store cannot be"):
            call()


def sidecar_in(store, data):
    address, digest = store.put_blob("images", data, ".webp")
    return Sidecar(
        image_uri=address,
        sha256=digest,
        width=1,
        height=1,
        media_type="image/webp",
        quality=Quality(),
    )


def as_dict(sidecar):
    return {name: getattr(sidecar, name) for name in sidecar.__struct_fields__}


def overwrite(store, address, data):
    store._filesystem.pipe_file(store._own_path(address), data)


def test_a_store_that_cannot_be_written_is_trouble_that_may_pass(tmp_path):
    (tmp_path / "images").write_text("a file where a folder should be")
    with pytest.raises(Transient, match="cannot be written"):
        Store(str(tmp_path)).put_blob("images", b"x", "")


def test_an_unknown_kind_of_store_is_a_wrong_setting():
    with pytest.raises(SettingsError, match="nosuch://"):
        Store("nosuch://bucket")


def test_a_blob_is_a_file_on_this_machine_wherever_the_store_is(store, tmp_path):
    address, digest = store.put_blob("models", b"factors", ".safetensors")
    path = store.local_file(address, tmp_path / "cache")
    assert path.read_bytes() == b"factors"
    assert path.stem == digest
    assert store.local_file(address, tmp_path / "cache") == path


def test_a_spoilt_copy_is_fetched_again(tmp_path):
    store = Store(f"memory://{uuid.uuid4()}")
    address, _ = store.put_blob("models", b"factors", ".safetensors")
    store.local_file(address, tmp_path).write_bytes(b"spoilt")
    assert store.local_file(address, tmp_path).read_bytes() == b"factors"


def test_no_local_file_outside_the_store(store, tmp_path):
    with pytest.raises(NotInStore):
        store.local_file("/etc/passwd", tmp_path)
