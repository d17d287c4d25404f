"""Which proxy leads to a server, by what the environment says, and which servers NO_PROXY names."""

import pickle

import pytest

from quantcdn import ApiValueError
from quantcdn._transport.proxies import Proxies, Proxy, is_exempt
from quantcdn._wire.origin import origin_of

from ..calls import SECRET

CORPORATE = "http://proxy.corp.example:3128"


def proxy_of(host: str = "https://api.example", **environ: str) -> Proxy | None:
    return Proxies.of_environment(environ).leading_to(origin_of(host))


# How a proxy is written


@pytest.mark.parametrize(
    ("url", "address", "user", "password"),
    [
        ("http://proxy.corp.example:3128", CORPORATE, "", ""),
        (" \thttp://proxy.corp.example:3128/\n", CORPORATE, "", ""),
        ("HTTP://Proxy.Corp.Example:3128", CORPORATE, "", ""),
        ("proxy.corp.example:3128", CORPORATE, "", ""),
        ("proxy.corp.example", "http://proxy.corp.example", "", ""),
        (r"http://DOMAIN\user:pw@proxy.corp.example:3128", CORPORATE, r"DOMAIN\user", "pw"),
        (r"DOMAIN\user:pw@proxy.corp.example:3128", CORPORATE, r"DOMAIN\user", "pw"),
        ("http://user:p#s/s?@w:d@proxy.corp.example:3128", CORPORATE, "user", "p#s/s?@w:d"),
        ("http://user@proxy.corp.example:3128", CORPORATE, "user", ""),
        ("http://user%40corp:p%23@proxy.corp.example:3128", CORPORATE, "user%40corp", "p%23"),
        ("https://proxy.corp.example", "https://proxy.corp.example", "", ""),
        ("http://[2001:DB8::1]:3128", "http://[2001:db8::1]:3128", "", ""),
        ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080", "", ""),
        ("socks://127.0.0.1:7897/", "socks5h://127.0.0.1:7897", "", ""),
        ("SOCKS://u:p@127.0.0.1", "socks5h://127.0.0.1", "u", "p"),
    ],
)
def test_a_proxy_is_read_as_people_write_it(url: str, address: str, user: str, password: str) -> None:
    assert proxy_of(HTTPS_PROXY=url) == Proxy(address, "HTTPS_PROXY", user, password)


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://u:{SECRET}@proxy.example",
        f"http://u:{SECRET}@",
        f"http://u:{SECRET}@proxy.example:port",
        f"http://u:{SECRET}@proxy.example:99999",
        f"http://u:{SECRET}@proxy example",
        f"http://u:{SECRET}@proxy.example\\x",
        f"http://u:{SECRET}@proxy.example\nx",
        f"socks6://{SECRET}",
    ],
)
@pytest.mark.parametrize("variable", ["https_proxy", "ALL_PROXY"])
def test_what_is_no_proxy_is_refused_by_the_name_of_its_variable_and_not_shown(variable: str, url: str) -> None:
    with pytest.raises(ApiValueError, match=f"^The proxy of {variable} must be a URL like") as caught:
        proxy_of(**{variable: url})
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_proxy_of_the_configuration_needs_its_scheme_and_leads_to_this_machine_too() -> None:
    proxies = Proxies.of_configuration(CORPORATE)
    assert (
        proxies.everywhere
        == proxies.leading_to(origin_of("http://127.0.0.1"))
        == Proxy(CORPORATE, proxies.named["all"].source)
    )
    with pytest.raises(ApiValueError, match=r"^The proxy of Configuration\.proxy must"):
        _ = Proxies.of_configuration("proxy.corp.example:3128").everywhere


def test_a_proxy_shows_where_it_is_and_where_it_was_named_and_no_credentials() -> None:
    proxy = proxy_of(HTTPS_PROXY=f"http://{SECRET}:{SECRET}@proxy.corp.example:3128")
    assert proxy is not None
    assert str(proxy) == f"{CORPORATE} of HTTPS_PROXY"
    assert SECRET not in f"{proxy!r}"
    assert pickle.loads(pickle.dumps(proxy)) == proxy


# Which variable counts


@pytest.mark.parametrize(
    ("environ", "host", "source"),
    [
        ({}, "https://api.example", None),
        ({"HTTP_PROXY": CORPORATE}, "https://api.example", None),
        ({"HTTP_PROXY": CORPORATE}, "http://api.example", "HTTP_PROXY"),
        ({"HTTP_PROXY": CORPORATE, "http_proxy": CORPORATE}, "http://api.example", "http_proxy"),
        ({"HTTP_PROXY": CORPORATE, "http_proxy": ""}, "http://api.example", None),
        ({"HTTPS_PROXY": CORPORATE, "ALL_PROXY": CORPORATE}, "https://api.example", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": " ", "all_proxy": CORPORATE}, "https://api.example", "all_proxy"),
        ({"HTTP_PROXY": CORPORATE, "REQUEST_METHOD": "GET"}, "http://api.example", None),
        ({"http_proxy": CORPORATE, "REQUEST_METHOD": "GET"}, "http://api.example", "http_proxy"),
        ({"HTTPS_PROXY": CORPORATE, "REQUEST_METHOD": "GET"}, "https://api.example", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": CORPORATE, "NO_PROXY": "example"}, "https://api.example", None),
        ({"HTTPS_PROXY": CORPORATE, "NO_PROXY": "example", "no_proxy": ""}, "https://api.example", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": CORPORATE, "NO_PROXY": "example", "no_proxy": "other"}, "https://api.example", "HTTPS_PROXY"),
    ],
    ids=str,
)
def test_the_variable_of_the_scheme_counts_first_and_lower_case_before_upper_case(
    environ: dict[str, str], host: str, source: str | None
) -> None:
    proxy = proxy_of(host, **environ)
    assert (proxy and proxy.source) == source


@pytest.mark.parametrize(
    "host",
    [
        *["http://localhost", "http://LOCALHOST:8000", "https://localhost.", "http://api.localhost:1"],
        *["http://127.0.0.1:8000", "https://127.1.2.3", "http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]"],
        "http://[::ffff:127.0.0.1]",
        *[
            "http://127.1",
            "http://0x7f000001:8000",
            "http://2130706433",
            "http://0177.0.0.1",
        ],  # as the system reads them
    ],
)
def test_this_machine_is_never_behind_a_proxy_of_the_environment(host: str) -> None:
    everything = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), CORPORATE)
    assert proxy_of(host, **everything) is None


# NO_PROXY


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("*", "https://api.example"),
        ("localhost,*", "https://api.example"),
        ("localhost *", "https://api.example"),
        ("api.example", "https://api.example"),
        ("API.Example.", "https://api.example"),
        ("api.example", "https://API.EXAMPLE."),
        ("example", "https://api.example"),
        (".example", "https://api.example"),
        (".api.example", "https://api.example"),
        ("*.example", "https://a.b.example"),
        ("*.api.example", "https://api.example"),
        ("a.example b.example", "https://b.example"),
        ("a.example,\tb.example\n,", "https://b.example"),
        ("api.example:443", "https://api.example"),
        (".example:8443", "https://api.example:8443"),
        ("10.1.2.3", "https://10.1.2.3"),
        ("10.1.2.3:8443", "https://10.1.2.3:8443"),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("10.9.9.9/8", "https://10.1.2.3"),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("2001:DB8:0::1", "https://[2001:db8::1]:8443"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("2001:db8::/32", "https://[2001:db8::1]"),
        ("fe80::/10", "https://[fe80::1%25eth0]"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "https://bücher.example"),
        ("BÜCHER.example:443", "https://bücher.example"),
        ("bu\u0308cher.example", "https://xn--bcher-kva.example"),
        ("*.bücher.example", "https://api.xn--bcher-kva.example"),
        (".XN--BCHER-KVA.example", "https://api.bücher.example"),
        ("straße.example", "https://xn--strae-oqa.example"),
        ("xn--no-punycode-.example", "https://xn--no-punycode-.example"),
    ],
)
def test_no_proxy_names_a_server(no_proxy: str, host: str) -> None:
    assert is_exempt(origin_of(host), no_proxy)
    assert proxy_of(host, ALL_PROXY=CORPORATE, NO_PROXY=f" other.example, {no_proxy} ") is None


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("", "https://api.example"),
        (" , ,", "https://api.example"),
        (".", "https://api.example"),
        ("pi.example", "https://api.example"),
        ("api.example.org", "https://api.example"),
        ("api.example:80", "https://api.example"),
        ("api.example:port", "https://api.example"),
        ("*.*", "https://api.example"),
        ("api.example/24", "https://api.example"),
        ("10.0.0.0/8", "https://11.1.2.3"),
        ("10.0.0.0/8", "https://10.example"),
        ("10.0.0.0/99", "https://10.1.2.3"),
        ("0.0.0.0/0", "https://[2001:db8::1]"),
        ("2.3", "https://10.1.2.3"),
        ("10.1.2.3:80", "https://10.1.2.3"),
        ("2001:db8::1", "https://[2001:db8::2]"),
        ("[2001:db8::1]:80", "https://[2001:db8::1]"),
        ("bücher.example", "https://bucher.example"),
        ("strasse.example", "https://xn--strae-oqa.example"),
        ("ücher.example", "https://xn--bcher-kva.example"),
        ("cher.example", "https://xn--bcher-kva.example"),
        ("bü@api.example", "https://api.example"),
    ],
)
def test_no_proxy_names_no_other_server(no_proxy: str, host: str) -> None:
    assert not is_exempt(origin_of(host), no_proxy)
    proxy = proxy_of(host, ALL_PROXY=CORPORATE, NO_PROXY=no_proxy)
    assert proxy is not None
    assert proxy.source == "ALL_PROXY"
