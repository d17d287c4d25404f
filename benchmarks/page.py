"""The page that shows what was measured: each part of it stands between two marks with its name. Pure."""

from collections.abc import Mapping

from benchmarks.summary import in_short


def with_parts(page: str, parts: Mapping[str, str]) -> str:
    """A page with these parts in it, in the place of those that it has."""
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"the page has no place for what is {name}")
        page = f"{before}{begin}\n{text}\n\n{end}{after}"
    return page


def with_report(page: str, report: str) -> str:
    """A page with the tables of a report in it, and what they come to where the run was whole."""
    summary = in_short(report)
    return with_parts(page, {"measured": report} if summary is None else {"measured": report, "in short": summary})
