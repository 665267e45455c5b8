"""Lists as the API gives them: filtered, sorted, in pages."""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from tests.kfp_standin.answers import said


def folded(name: str) -> str:
    """What is equal to MySQL is the same: it minds neither case nor accents."""
    return "".join(each for each in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(each))


def page(kind: str, found: list[Any], query: Mapping[str, str]) -> dict[str, Any]:
    """One page of those that the filter lets through; in JSON a list that is empty is not there."""
    matching = [each for each in found if _predicate(query.get("filter", ""))(each)]
    if query.get("sort_by", "").endswith(" desc"):
        matching.reverse()
    first, size = int(query.get("page_token") or 0), int(query.get("page_size") or 20)
    shown = {kind: matching[first : first + size]} if matching[first : first + size] else {}
    return {
        **shown,
        "total_size": len(matching),
        **({"next_page_token": str(first + size)} if matching[first + size :] else {}),
    }


def _predicate(text: str) -> Callable[[Any], bool]:
    if not text:
        return lambda _: True
    try:
        predicates = json.loads(text)["predicates"]
        # kfp.Client writes the operation as a number, others as a word.
        if not all(each["operation"] in (1, "EQUALS") and each["key"] == "display_name" for each in predicates):
            raise ValueError("only EQUALS of display_name is known here")
        wanted = {each["key"]: each["stringValue"] for each in predicates}
    except (ValueError, KeyError, TypeError) as error:
        raise said(400, f"Failed to create list options: failed to parse filter: {error}") from error
    return lambda each: all(folded(getattr(each, key)) == folded(value) for key, value in wanted.items())
