"""Which addresses are one's own, and that a connection's own address is what counts."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from tests.backends.openai.test_backend import prompt
from tests.servers import Step, completion, serving
from vlm_lab.backends.openai import addresses, settings
from vlm_lab.backends.openai.addresses import is_private_host
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.openai.settings import check_host, load_server_settings
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.types import Model, Runtime

OFFLINE = Runtime(cache=Path("cache"))


def model(url: str, **settings: Any) -> Model:
    return Model(
        name="m", model_id="x", backend="openai", backend_kwargs={"base_url": url, **settings}
    )


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("192.168.1.9", True),
        ("::1", True),
        ("fd00::1", True),
        ("::ffff:10.0.0.1", True),
        ("8.8.8.8", False),
        ("172.32.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("169.254.169.254", False),  # link-local: a cloud's metadata server
        ("fe80::1", False),
        ("100.64.0.1", False),  # a carrier's
        ("2001:0:53aa:64c::1", False),  # Teredo
        ("2002:808:808::1", False),  # 6to4 of 8.8.8.8
        ("64:ff9b::808:808", False),  # NAT64 of 8.8.8.8
        ("64:ff9b:1::808:808", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.1", False),
        ("224.0.0.1", False),
        ("198.18.0.1", False),
        ("no-such-host.invalid", False),
        ("x" * 80, False),
    ],
)
def test_private_addresses(host: str, private: bool) -> None:
    assert is_private_host(host) is private


def test_a_network_that_is_listed_is_private() -> None:
    networks = [ipaddress.ip_network("100.64.0.0/10")]
    assert is_private_host("100.64.0.1", networks)
    assert not is_private_host("100.128.0.1", networks)


def test_what_is_not_listed_is_not_asked_and_the_line_says_how_it_would_be() -> None:
    with pytest.raises(Skip, match=r"100\.64\.0\.1 is not known .* private_networks .* --online"):
        OpenAI(model("http://100.64.0.1:9/v1"), OFFLINE)
    listed = model("http://100.64.0.1:9/v1", private_networks=["100.64.0.0/10"])
    assert check_host(listed, load_server_settings(listed), OFFLINE)


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(UserError, match=r"m: backend_kwargs: private_networks: .*10\.0\.0\.1/8"):
        OpenAI.identity(model("http://127.0.0.1/v1", private_networks=["10.0.0.1/8"]), OFFLINE)


def test_a_name_that_means_another_address_later_is_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loopback server stands for one outside: at the second connection it is not private."""
    elsewhere = (ipaddress.ip_network("10.0.0.0/8"),)
    with serving(Step(pieces=[completion("{}")]), Step(completion("{}"))) as server:
        backend = OpenAI(model(server.url), OFFLINE)
        backend.generate(prompt())  # this reply closes its connection
        monkeypatch.setattr(addresses, "PRIVATE_NETWORKS", elsewhere)
        with pytest.raises(GenerationError, match=r"leave this machine: 127\.0\.0\.1") as caught:
            backend.generate(prompt())
        backend.close()
        monkeypatch.setattr(settings, "is_private_host", lambda *_: True)
        with pytest.raises(Skip, match=r"m: documents would leave this machine: 127\.0\.0\.1"):
            OpenAI(model(server.url), OFFLINE)
    assert (caught.value.kind, len(server.asked)) == ("NotPrivate", 1)
