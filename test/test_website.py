"""The documentation site: all of what a code host shows is in it and looks so, its links lead somewhere, and a real
browser fetches nothing from elsewhere for it and has nothing to say."""

import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import website
from markdown_it import MarkdownIt
from programs import chromium

import quantcdn

if not website.BUILDER:
    pytest.skip("zensical is not installed", allow_module_level=True)

WRITTEN = [*sorted(website.ROOT.glob("*.md")), *sorted((website.ROOT / "docs").glob("*.md"))]
BLOCKS = ("h1", "h2", "h3", "h4", "table", "tr", "pre", "ul", "ol", "li", "blockquote", "img")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return website.build(tmp_path_factory.mktemp("website"))


class Page(HTMLParser):
    """A page of the site.

    Attributes:
        anchors: what a fragment may name.
        links: where it leads.
        parts: what a browser loads for it.
        blocks: how many of each kind its own text has.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {""}
        self.links: list[str] = []
        self.parts: list[str] = []
        self.blocks: Counter[str] = Counter()
        self._in_text = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self._in_text |= tag == "article"
        if tag in BLOCKS and self._in_text:
            self.blocks[tag] += 1
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.parts += [given[name] for name in ("src", "href") if name in given and tag not in ("a", "use")]

    def handle_endtag(self, tag: str) -> None:
        self._in_text &= tag != "article"


@cache
def read(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def page_of(site: Path, written: Path) -> Path:
    name = written.relative_to(website.ROOT).with_suffix(".html").as_posix()
    return site / name.replace("README", "index")


def test_every_written_page_is_in_the_navigation(site: Path) -> None:
    home = site / "index.html"
    led_to = {(home.parent / urlsplit(link).path).resolve() for link in read(home).links}

    assert [page.name for page in WRITTEN if page_of(site, page) not in {home, *led_to}] == []


@pytest.mark.parametrize("written", WRITTEN, ids=lambda path: path.name)
def test_a_page_has_the_blocks_that_a_code_host_shows(site: Path, written: Path) -> None:
    commonmark = MarkdownIt("commonmark").enable("table").render(written.read_text("utf-8"))
    expected = Page(f"<article>{commonmark}</article>")

    assert read(page_of(site, written)).blocks == expected.blocks


def test_every_public_name_is_described(site: Path) -> None:
    anchors = {anchor for path in pages(site / "reference") for anchor in read(path).anchors}
    described = {name.removeprefix("quantcdn.") for name in anchors} | {path.stem for path in pages(site / "docs")}

    assert {name for name in quantcdn.__all__ if not name.startswith("__")} - described == set()
    assert anchors >= {"quantcdn.bulk.export", "quantcdn.Conversation.turn", "quantcdn.Configuration.from_environment"}


def test_every_link_and_part_of_the_site_is_in_it(site: Path) -> None:
    for path in pages(site):
        if path.name == "404.html":  # it stands for any address
            continue
        page = read(path)
        elsewhere = [part for part in page.parts if not part.startswith("data:")]  # what stands in the page itself
        assert [part for part in elsewhere if urlsplit(part).scheme or part.startswith("//")] == []
        for link in [*page.links, *elsewhere]:
            parts = urlsplit(link)
            if parts.scheme in ("https", "mailto"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in read(target).anchors, f"{path.name}: {link}"


class _Strict(SimpleHTTPRequestHandler):
    """Tells the browser to load nothing from elsewhere: it says on its console where a page would."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline' data: blob:")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Strict, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def said(address: str, profile: Path) -> list[str]:
    """What a browser says on its console when it opens a page, but for what its own pages say."""
    command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-component-update", "--disable-sync", "--no-first-run", "--enable-logging=stderr"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={profile}", "--dump-dom"]
    run = subprocess.run([*command, address], capture_output=True, text=True, check=True)
    return [line for line in re.findall(r":CONSOLE.*?\] (.*)", run.stderr) if "source: chrome://" not in line]


def test_a_browser_loads_nothing_from_elsewhere_and_has_nothing_to_say(site: Path, tmp_path: Path) -> None:
    framed = shutil.copytree(site, tmp_path / "site")
    addresses = [path.relative_to(site).as_posix() for path in pages(site)]
    control = '<!doctype html><link rel="icon" href="data:,"><img src="https://elsewhere.invalid/">'
    frames = "".join(f'<iframe src="{address}"></iframe>' for address in addresses)
    (framed / "all.html").write_text(f"{control}{frames}", "utf-8")
    with served(framed) as address:
        (blocked,) = said(f"{address}/all.html", tmp_path / "profile")

    assert "https://elsewhere.invalid/" in blocked
