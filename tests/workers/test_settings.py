"""Settings come from the environment, pass librdkafka's through, and are wrong in one line."""

import pytest

from stylecore.errors import SettingsError
from workers.settings import load_settings, public_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_environment_names_part_and_setting(monkeypatch):
    monkeypatch.setenv("STYLECAST_STYLIZE__BATCH_JOBS", "3")
    monkeypatch.setenv("STYLECAST_PHOTOS__ALLOWED_PREFIXES", '["/photos", "s3://shop"]')
    settings = load_settings()
    assert settings.stylize.batch_jobs == 3
    assert settings.photos.allowed_prefixes == ("/photos", "s3://shop")


def test_a_file_named_env_is_read_and_the_environment_goes_before_it(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("STYLECAST_STORE__URI=/a\nSTYLECAST_LAG__GROUPS=x\n")
    monkeypatch.setenv("STYLECAST_STORE__URI", "/b")
    settings = load_settings()
    assert (settings.store.uri, settings.lag.groups) == ("/b", "x")


def test_librdkafkas_properties_pass_through_and_ours_do_not(monkeypatch):
    monkeypatch.setenv("STYLECAST_KAFKA__BOOTSTRAP_SERVERS", "a:9092,b:9092")
    monkeypatch.setenv("STYLECAST_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("STYLECAST_KAFKA__SASL_PASSWORD", "hush")
    monkeypatch.setenv("STYLECAST_KAFKA__TOPIC_PREFIX", "test.")
    assert load_settings().kafka.librdkafka() == {
        "bootstrap.servers": "a:9092,b:9092",
        "security.protocol": "SASL_SSL",
        "sasl.password": "hush",
    }


def test_secrets_are_hidden_when_settings_are_shown(monkeypatch):
    monkeypatch.setenv("STYLECAST_KAFKA__SASL_PASSWORD", "hush")
    shown = public_settings(load_settings())
    assert "hush" not in str(shown)
    assert shown["kafka"]["sasl_password"] == "**********"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("STYLECAST_STYLIZE__THREADS", "-1", "greater than or equal to 0"),
        ("STYLECAST_STYLIZE__THRADS", "1", "not permitted"),
        ("STYLECAST_STYLISE__THREADS", "1", "no part STYLISE"),
        ("STYLECAST_STYLIZE__PROVIDER", "tpu", "'auto', 'cuda' or 'cpu'"),
        ("STYLECAST_PREFERENCES__EXPLORATION", "1.5", "less than or equal to 1"),
        ("STYLECAST_KAFKA__TOPIC_PREFIX", "a b", "match pattern"),
        ("STYLECAST_PREFERENCES__HALF_LIFE_DAYS", "1e12", "less than or equal to 36525"),
        ("STYLECAST_PREFERENCES__PICTURES_SECONDS", "inf", "less than or equal to 1000000000"),
    ],
)
def test_a_wrong_setting_is_named_with_the_reason_in_one_line(monkeypatch, name, value, why):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=why) as problem:
        load_settings()
    assert name in str(problem.value)
    assert "\n" not in str(problem.value)
