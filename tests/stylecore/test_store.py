"""What is stored stays, under an address made of its content; who writes first wins."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from stylecore.errors import SettingsError, Transient
from stylecore.store import NotInStore, Store


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    address = str(tmp_path / "store") if request.param == "folder" else f"memory://{uuid.uuid4()}"
    return Store(address)


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


def test_of_writers_at_the_same_time_all_get_the_winners(tmp_path):
    store = Store(str(tmp_path))
    contents = [f"writer {number}".encode() * 1000 for number in range(16)]
    with ThreadPoolExecutor(8) as executor:
        kept = set(executor.map(lambda data: store.put_sidecar("renders", "key", data), contents))
    assert len(kept) == 1
    assert kept <= set(contents)
    assert [path.name for path in (tmp_path / "renders" / "ke").iterdir()] == ["key.json"]


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
