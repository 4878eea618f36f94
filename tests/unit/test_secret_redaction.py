"""Secrets that were read leave in no text, in no form; what looks like one neither."""

from __future__ import annotations

import base64
import html
import json
import logging
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.errors import SeamwatchError
from seamwatch.secret_redaction import SECRETS, SecretRedactor, redact_logs
from seamwatch.settings import Settings
from seamwatch.store.repo import Store

SECRET = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=8, max_size=100).filter(
    lambda text: len("".join(text.split())) >= 8
)
FORMS = {
    "as it is": str,
    "quoted": repr,
    "bytes": lambda secret: repr(secret.encode()),
    "JSON": json.dumps,
    "readable JSON": lambda secret: json.dumps(secret, ensure_ascii=False),
    "URL": lambda secret: quote(secret, safe=""),
    "URL option": quote_plus,
    "HTML": html.escape,
    "basic authentication": lambda secret: base64.b64encode(f"bob:{secret}".encode()).decode(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "wrapped": lambda secret: "\n".join(textwrap.wrap(secret, 5)),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(secret=SECRET, before=st.sampled_from(["", "x", "Invalid header value: "]))
def test_a_secret_leaves_in_no_form(form, secret: str, before: str) -> None:
    redactor = SecretRedactor()
    redactor.learn(secret, login="bob")
    shown = redactor.redact(f"{before}{form(secret)} end")
    assert form(secret).strip() not in shown
    assert shown.endswith(" end")
    assert len(shown) < len(before) + 30


@given(SECRET, st.text(max_size=50))
def test_a_long_secret_leaves_no_document(secret: str, other: str) -> None:
    redactor = SecretRedactor()
    redactor.learn(secret)
    document = {"text": f"{other}{secret}", "n": [1, 2.5, None, True], secret: {"deep": [secret]}}
    found = redactor.redact_document(document)
    assert secret not in json.dumps(found, ensure_ascii=False)
    assert found["n"] == [1, 2.5, None, True]


@pytest.mark.parametrize(
    ("password", "text", "shown"),
    [
        (
            "xoxb-1-2\n34567890",
            "Invalid header value b'Bearer xoxb-1-2\\n34567890'",
            "Invalid header value b'Bearer ***'",
        ),
        ("xoxb-1-2\n34567890", "... 34567890 ...", "... *** ..."),
        ("demo", "demo_db of demo: demonstration", "demo_db of ***: demonstration"),
        ("ab", "about ab", "about ab"),
        (" padded-password\n", "is padded-password.", "is ***."),
        ("a" * 50 + "b" * 50, f"cut: {'a' * 50}", f"cut: ***{'a' * 10}"),
    ],
)
def test_parts_and_short_passwords(password: str, text: str, shown: str) -> None:
    redactor = SecretRedactor()
    redactor.learn(password)
    assert redactor.redact(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bob:pw@db:5432/x", "postgresql://***@db:5432/x"),
        ("postgresql://bob:p/w@x@db/x", "postgresql://***@db/x"),
        ("https://h/x?password=abc&b=1", "https://h/x?password=***&b=1"),
        ("https://h/x?a=1&sslpassword=abc", "https://h/x?a=1&sslpassword=***"),
        ("https://h/x?sig=abc%3D&sv=2", "https://h/x?sig=***&sv=2"),
        ("host=h password='a b' dbname=x", "host=h password=*** dbname=x"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("Authorization: Bearer abc123def", "Authorization: Bearer ***"),
        ("Authorization: Basic Ym9iOnB3MTIz", "Authorization: Basic ***"),
        ("token xoxb-12345-abcdef", "token ***"),
        ("sk-proj-0123456789abcdefghij", "***"),
        ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----!", "***!"),
    ],
)
def test_shapes_of_secrets(text: str, shown: str) -> None:
    assert SecretRedactor().redact(text) == SecretRedactor().redact_record(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "set it to a URI as postgresql://user:password@host/name",
        "put the bot token (xoxb-...) into its password",
        "https://host:8080/@user",
        "basic authentication with max_tokens=50",
        "support.yaml:31 stages.answer.key: expected text; a token, a key",
        "https://host/page?id=17&page=2",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert SecretRedactor().redact(text) == text


@pytest.mark.parametrize(
    "extra",
    [
        {"api_key": "the-very-secret"},
        {"headers": {"X-Shop": "the-very-secret"}},
        {"headers": '{"Authorization": "Token the-very-secret"}'},
        {"sqlalchemy_query": {"sslpassword": "the-very-secret"}},
        {"nested": {"deep": {"clientSecret": ["the-very-secret"]}}},
        {"endpoint": "https://bob:the-very-secret@host"},
        {"endpoint": "https://host/x?sig=the-very-secret"},
    ],
)
def test_secrets_of_an_extra_are_learnt_wherever_they_stand(extra: dict[str, object]) -> None:
    env = {"AIRFLOW_CONN_X": json.dumps({"conn_type": "http", "host": "h", "extra": extra})}
    EnvironmentConnections(env).get("x")
    assert str(SeamwatchError("no: the-very-secret")) == "no: ***"


def test_the_url_of_the_store_tells_its_secrets() -> None:
    url = "postgresql+psycopg2://bob:store%2Fpassword@127.0.0.1:1/x?sslpassword=store-ssl-password"
    with pytest.raises(SeamwatchError) as caught:
        Store.open(Settings.from_env({"SEAMWATCH_STORE_URL": url}).store_url, migrate_first=True)
    for part in ("store/password", "store%2Fpassword", "store-ssl-password"):
        assert part not in str(caught.value)
        assert part not in str(SeamwatchError(f"at {part}"))


def test_no_log_record_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    factory = logging.getLogRecordFactory()
    SECRETS.learn("logged-password")
    try:
        redact_logs()
        redact_logs()
        try:
            raise ValueError("refused: logged-password")
        except ValueError:
            logging.getLogger("seamwatch.test").exception("%s with %d", "logged-password", 3)
    finally:
        logging.setLogRecordFactory(factory)
    assert "*** with 3" in caplog.text
    assert "ValueError: refused: ***" in caplog.text
    assert "logged-password" not in caplog.text
