"""A photo comes from allowed places of the open web, in bounded bytes and time, and no others."""

import socket
import ssl
import threading
from ipaddress import ip_address, ip_network

import pytest
from hostile.servers import (
    PICTURE,
    black_hole,
    dripping_handshake,
    own_certificate,
    server,
    silent_server,
    versioned_server,
)

from stylecore.errors import Transient
from stylecore.storage.fetch import NotFetchable, fetch, version
from stylecore.storage.http import Bounds, NotServed, Unreachable, get, is_global, require_reachable

HERE = (ip_network("127.0.0.1/32"),)


def load(uri, *prefixes, networks=HERE, seconds=10.0, max_bytes=1000):
    return fetch(
        uri, allowed_prefixes=prefixes, max_bytes=max_bytes, seconds=seconds, networks=networks
    )


@pytest.fixture
def shop():
    with server() as (address, _):
        yield address


@pytest.mark.parametrize("name", ["mug.png", "blue%20mug.png", "müsli.png", "mug.png?v=1&w=2"])
def test_a_photo_under_an_allowed_prefix_is_fetched(shop, name):
    assert load(f"{shop}/photos/{name}", f"{shop}/photos") == PICTURE


def test_the_type_is_told_by_the_bytes_and_not_by_the_server(shop):
    assert load(f"{shop}/photos/lie.html", shop) == PICTURE


@pytest.mark.parametrize(
    "escape",
    [
        "{shop}/photos/../secret.png",
        "{shop}/photos/%2e%2e/secret.png",
        "{shop}/photos/%252e%252e/secret.png",
        "{shop}/photos/..%2fsecret.png",
        "{shop}/photos/..\\secret.png",
        "{shop}/photos/a.png\r\nX-Evil: 1",
        "{shop}/photos/a b.png",
        "{shop}/secret.png",
        "{shop}.evil.example/photos/a.png",
        "http://user:word@{host}/photos/a.png",
        "HTTP://{host}/photos/a.png",
        "ftp://{host}/photos/a.png",
        "simplecache::{shop}/photos/a.png",
    ],
)
def test_no_address_leads_out_of_its_prefix(escape):
    with server() as (shop, asked):
        uri = escape.format(shop=shop, host=shop.partition("://")[2])
        with pytest.raises(NotFetchable, match="no allowed prefix"):
            load(uri, f"{shop}/photos")
        assert asked == []


@pytest.mark.parametrize("scheme", ["ftp", "sftp", "smb", "github", "gopher", "dict", "jar"])
def test_no_other_scheme_is_fetched_though_a_prefix_names_it(scheme):
    with pytest.raises(NotFetchable, match="no allowed prefix"):
        load(f"{scheme}://host/a.png", f"{scheme}://host")


def test_a_private_host_is_not_connected_though_its_prefix_is_allowed():
    with server() as (shop, asked):
        with pytest.raises(NotFetchable, match=r"127\.0\.0\.1, which is no address of the open"):
            load(f"{shop}/photos/a.png", shop, networks=())
        assert asked == []


def test_nor_under_any_other_name_of_it():
    with server() as (shop, asked):
        port = shop.rpartition(":")[2]
        for name in ("localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
            uri = f"http://{name}:{port}/photos/a.png"
            with pytest.raises(NotFetchable, match=r"no address of the open|no host|no allowed"):
                load(uri, f"http://{name}:{port}", networks=())
        assert asked == []


def test_a_redirect_into_the_private_network_is_not_followed():
    with (
        server("127.0.0.2") as (inner, asked),
        server(moved_to=f"{inner}/photos/secret.png") as (shop, _),
    ):
        with pytest.raises(NotFetchable, match=r"127\.0\.0\.2, which is no address"):
            load(f"{shop}/photos/moved.png", shop, inner)
        assert asked == []


@pytest.mark.parametrize("place", ["/secret.png", "file:///etc/passwd", "//127.0.0.1/secret.png"])
def test_nor_one_to_another_prefix_or_a_file(place):
    with (
        server(moved_to=place) as (shop, asked),
        pytest.raises(NotFetchable, match="under no allowed prefix"),
    ):
        load(f"{shop}/photos/moved.png", f"{shop}/photos")
    assert asked == ["/photos/moved.png"]


def test_a_redirect_within_the_prefix_is_followed_but_not_in_a_circle():
    with server(moved_to="/photos/mug.png") as (shop, asked):
        assert load(f"{shop}/photos/moved.png", f"{shop}/photos") == PICTURE
        assert asked == ["/photos/moved.png", "/photos/mug.png"]
        with pytest.raises(NotFetchable, match="one redirect too many"):
            load(f"{shop}/photos/round.png", shop)
        assert len(asked) == 6


@pytest.mark.parametrize(
    ("place", "asked_for"),
    [
        ("/photos/blue mug.png", "/photos/blue%20mug.png"),
        ("blue mug.png", "/photos/blue%20mug.png"),
        ("/photos/müsli schüssel.png", "/photos/m%C3%BCsli%20sch%C3%BCssel.png"),
        ("/photos/m%c3%bcsli.png?w=ü b", "/photos/m%C3%BCsli.png?w=%C3%BC%20b"),
        ("/photos/100%.png", "/photos/100%.png"),
        ("{other}/photos/jumbled ☕.png#top", "/photos/jumbled%20%E2%98%95.png"),
        (b"/photos/m\xfcsli.png", "/photos/m%FCsli.png"),
    ],
)
def test_a_redirect_may_hold_spaces_and_any_bytes_as_browsers_allow(place, asked_for):
    with server() as (other, asked_of_other):
        raw = place if isinstance(place, bytes) else place.format(other=other).encode()
        with server(moved_to=raw.decode("latin-1")) as (shop, asked):
            assert load(f"{shop}/photos/moved.png", shop, other) == PICTURE
        assert (asked_of_other or asked)[-1] == asked_for


@pytest.mark.parametrize("place", [b"http://[bad/a.png", b"http://\xe2\x84\x80/a.png", b"//[::1"])
def test_a_redirect_to_what_is_no_address_is_refused(place):
    with server(moved_to=place.decode("latin-1")) as (shop, _), pytest.raises(NotFetchable):
        load(f"{shop}/photos/moved.png", shop)


@pytest.mark.parametrize("place", ["/photos/a b/../../secret.png", "/photos/ü/%2e%2e/secret.png"])
def test_none_of_that_leads_out_of_the_prefix(place):
    raw = place.encode().decode("latin-1")
    with server(moved_to=raw) as (shop, asked):
        with pytest.raises(NotFetchable, match="under no allowed prefix"):
            load(f"{shop}/photos/moved.png", f"{shop}/photos")
        assert asked == ["/photos/moved.png"]


@pytest.mark.parametrize("folder", ["m%C3%BCsli", "müsli", "m%c3%bcsli"])
def test_a_prefix_may_be_encoded_or_not(shop, folder):
    for name in ("m%C3%BCsli", "müsli", "m%c3%bcsli"):
        assert load(f"{shop}/{name}/mug.png", f"{shop}/{folder}") == PICTURE


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_address_in_between():
    looked_up = []

    def resolve(host, port):
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.2"]

    with server() as (shop, asked):
        port = shop.rpartition(":")[2]
        bounds = Bounds(
            max_bytes=1000, seconds=5, may_go=lambda _: True, networks=HERE, resolve=resolve
        )
        assert get(f"http://rebound.example:{port}/photos/a.png", bounds) == PICTURE
        assert looked_up == ["rebound.example"]
        with pytest.raises(Unreachable):
            get(f"http://rebound.example:{port}/photos/a.png", bounds)
        assert asked == ["/photos/a.png"]


def test_one_private_address_of_several_is_enough_to_refuse():
    with pytest.raises(Unreachable, match=r"10\.0\.0\.1"):
        require_reachable("mixed.example", ["93.184.215.14", "10.0.0.1"], ())


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
        *("192.168.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_what_is_no_address_of_the_open_internet(address):
    assert not is_global(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111"])
def test_what_is_one(address):
    assert is_global(ip_address(address))


@pytest.mark.parametrize("name", ["endless.png", "huge.png"])
def test_bytes_are_bounded(shop, name):
    with pytest.raises(NotFetchable, match="over the limit of 1000 bytes"):
        load(f"{shop}/photos/{name}", shop)


@pytest.mark.parametrize("name", ["slow.png", "slow-header.png"])
def test_time_is_bounded_however_steadily_it_drips(shop, name):
    with pytest.raises(Transient, match="cannot be fetched now: 1 s are over"):
        load(f"{shop}/photos/{name}", shop, seconds=1, max_bytes=10**6)


def test_the_addresses_of_a_host_share_its_time():
    with server("127.0.0.2") as (shop, asked):
        port = int(shop.rpartition(":")[2])
        with black_hole("127.0.0.1", port):
            bounds = Bounds(
                max_bytes=1000,
                seconds=3,
                may_go=lambda _: True,
                networks=(ip_network("127.0.0.0/8"),),
                resolve=lambda *_: ["127.0.0.1", "127.0.0.2"],
            )
            assert get(f"http://shop.example:{port}/photos/a.png", bounds) == PICTURE
        assert asked == ["/photos/a.png"]


def test_a_handshake_that_drips_is_ended():
    with dripping_handshake() as (place, left):
        with pytest.raises(Transient, match="cannot be fetched now"):
            load(f"https://{place}/photos/a.png", f"https://{place}", seconds=1)
        assert left.wait(60)


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch):
    asked, answer = threading.Event(), threading.Event()

    def look_up(*_, **__):
        asked.set()
        answer.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(Transient, match=r"cannot be fetched now: 0\.6 s are over"):
        load("http://shop.example/a.png", "http://shop.example", seconds=0.1)
    assert asked.is_set()
    answer.set()


@pytest.mark.parametrize("name", ["busy.png", "short.png"])
def test_what_may_pass_is_tried_again(shop, name):
    with pytest.raises(Transient, match=r"cannot be fetched now|broke off"):
        load(f"{shop}/photos/{name}", shop)


def test_what_is_not_there_is_not(shop):
    with pytest.raises(NotFetchable, match="the server answers 404"):
        load(f"{shop}/photos/none.txt", shop)
    with pytest.raises(NotServed, match="404"):
        get(f"{shop}/none.txt", Bounds(100, 5, lambda _: True, HERE))


def test_nobody_there_is_trouble_that_may_pass():
    with server() as (shop, _):
        pass
    with pytest.raises(Transient, match="cannot be fetched now"):
        load(f"{shop}/photos/a.png", shop)


def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path):
    with server(tls=own_certificate(tmp_path)) as (shop, asked):
        with pytest.raises(Transient, match="CERTIFICATE_VERIFY_FAILED"):
            load(f"{shop}/photos/a.png", shop)
        trusting = ssl.create_default_context(cafile=str(tmp_path / "own.pem"))
        bounds = Bounds(1000, 5, lambda _: True, HERE, tls=trusting)
        assert get(f"{shop}/photos/a.png", bounds) == PICTURE
        assert asked == ["/photos/a.png"]


def test_no_proxy_of_the_environment_is_used(shop, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert load(f"{shop}/photos/mug.png", shop) == PICTURE


def version_of(uri, *prefixes, **bounds):
    bounds = {"max_bytes": 1000, "networks": HERE, "seconds": 10.0, **bounds}
    return version(uri, allowed_prefixes=prefixes, **bounds)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ETag": '"1"'}, {"ETag": '"2"'}),
        ({"Last-Modified": "Mon, 23 Nov 2026 10:00:00 GMT"}, {"Last-Modified": "now"}),
        ({"Last-Modified": "a", "Content-Length": "1"}, {"Last-Modified": "a"}),
        ({"body": "b"}, {"body": "c"}),
    ],
)
@pytest.mark.parametrize("answers_head", [True, False])
def test_the_version_of_a_page_changes_with_its_validators_or_its_bytes(one, other, answers_head):
    if not answers_head:
        one, other = {"body": str(one)}, {"body": str(other)}
    with versioned_server(answers_head) as (address, told):
        told.update(one)
        first = version_of(f"{address}/a.png", address)
        assert version_of(f"{address}/a.png", address) == first
        told.clear()
        told.update(other)
        assert version_of(f"{address}/a.png", address) != first


def test_a_version_is_asked_for_within_the_same_bounds(shop):
    for name in ("moved.png", "round.png"):
        with pytest.raises(NotFetchable):
            version_of(f"{shop}/photos/{name}", f"{shop}/photos")
    with pytest.raises(NotFetchable, match="no address of the open"):
        version_of(f"{shop}/photos/a.png", shop, networks=())
    with pytest.raises(NotFetchable, match="the server answers 404"):
        version_of(f"{shop}/photos/none.txt", shop)
    with pytest.raises(NotFetchable, match="over the limit"):
        version_of(f"{shop}/photos/huge.png", shop)
    with pytest.raises(Transient, match="answers 503"):
        version_of(f"{shop}/photos/busy.png", shop)
    with silent_server() as place, pytest.raises(Transient):
        version_of(f"http://{place}/a.png", f"http://{place}", seconds=0.5)
