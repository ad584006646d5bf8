"""The settings of dataset.toml: short texts, the polarity, and the clusters of species."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from compassign.data.raw import Findings, list_some, show_value
from compassign.errors import Place, Problem
from compassign.tables import POLARITIES

META_FILE = "dataset.toml"
DEFAULT_CLUSTER = "all"
CLUSTERS_KEY = "species_clusters"
_TEXTS = ("name", "licence", "source", "notes")
_KEYS = (*_TEXTS, "polarity", CLUSTERS_KEY)
_SCALARS = (str, int, float, bool)


def meta_polarity(meta: Mapping[str, Any]) -> tuple[str, Findings]:
    """The polarity of all peaks that have none of their own, "" where none is given."""
    polarity = meta.get("polarity", "")
    if polarity == "" or (isinstance(polarity, str) and polarity in POLARITIES):
        return polarity, Findings()
    return "", Findings((_problem("polarity", polarity, "'positive' or 'negative'"),))


def _problem(key: str, value: object, expected: str) -> Problem:
    """What is wrong with one key; its message names the key where that of a table names row and column."""
    found = f"found {value!r}"
    return Problem(f"{META_FILE}, {key}: {found}, expected {expected}", Place(META_FILE, column=key), found, expected)


def meta_texts(meta: Mapping[str, Any]) -> tuple[dict[str, str], Findings]:
    """Name, licence, source, notes and whatever else is a single value, as text."""
    messages = tuple(
        _problem(key, meta[key], "a text in quotes") for key in _TEXTS if key in meta and not isinstance(meta[key], str)
    )
    similar = [(key, get_close_matches(str(key), _KEYS, 1)) for key in meta if key not in _KEYS]
    warnings = tuple(
        f"{META_FILE}: found the key {show_value(key)}, which means nothing here; is it {names[0]}?"
        for key, names in similar
        if names
    )
    texts = {key: str(value) for key, value in meta.items() if isinstance(value, _SCALARS)}
    return texts, Findings(messages, warnings)


def species_clusters(meta: Mapping[str, Any], species: frozenset[str]) -> tuple[dict[str, str], Findings]:
    """The cluster of every species; those that dataset.toml does not place share one cluster."""
    table = meta.get(CLUSTERS_KEY, {})
    expected = f'a table [{CLUSTERS_KEY}] with lines such as mouse = "mammals"'
    if not isinstance(table, Mapping):
        return {}, Findings((_problem(CLUSTERS_KEY, table, expected),))
    problems = tuple(
        _problem(f"{CLUSTERS_KEY}.{key}", value, expected)
        for key, value in table.items()
        if not isinstance(value, str) or not value.strip()
    )
    unknown = sorted(str(key) for key in table if key not in species)
    warning = f"{META_FILE}, {CLUSTERS_KEY}: no peak has the species {list_some(unknown)}; they are ignored"
    clusters = {name: str(table.get(name, DEFAULT_CLUSTER)) for name in sorted(species)}
    return clusters, Findings(problems, (warning,) if unknown else ())
