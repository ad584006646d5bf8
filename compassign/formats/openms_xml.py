"""OpenMS's featureXML and consensusXML as rows of a table, element by element, without entities.

Source: the schemas FeatureXML_1_9.xsd and ConsensusXML_1_7.xsd of OpenMS. Retention times are in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError  # noqa: S405  # types only; defusedxml parses

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Record

ROOTS = (b"<consensusXML", b"<featureMap")
_LISTS = ("featureList", "consensusElementList")
FEATURE_COLUMNS = ("id", "rt", "mz", "intensity", "charge", "quality", "adduct", "group")
SAMPLE_PREFIX = "intensity of "
_ADDUCT_PARAMETERS = ("adduct", "best ion", "dc_charge_adducts")  # of UserParam, in order of trust
_GROUP_PARAMETERS = ("Group", "annotation network number")
_MAX_SAMPLES = 100_000


@dataclass
class _Reading:
    """What has been met so far. maps : id of an input map -> its file name. depth : of nested features."""

    maps: dict[str, str] = field(default_factory=dict)
    depth: int = 0
    is_started: bool = False
    n_features: int = 0


def openms_records(path: Path) -> Iterator[Record]:
    """A header and one row for each feature; rows count features, the header is row 1.

    Raises InputError for what is no XML, is cut off, or declares entities.
    """
    try:
        with path.open("rb") as file:
            yield from _records(file)
    except ParseError as error:
        found = f"is no complete XML ({error})"
        raise InputError(
            [Problem.at(Place(path.name, error.position[0]), found, "a file that OpenMS wrote")]
        ) from error
    except DefusedXmlException as error:
        found = f"declares entities or a document type ({type(error).__name__})"
        raise InputError([Problem.at(Place(path.name), found, "plain XML, as OpenMS writes it")]) from error


def _records(file: BinaryIO) -> Iterator[Record]:
    reading = _Reading()
    features: Element | None = None
    for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            reading.depth += element.tag == "feature"
            features = element if element.tag in _LISTS else features
            continue
        if element.tag == "map" and len(reading.maps) < _MAX_SAMPLES:
            reading.maps[element.get("id", "")] = element.get("name", "") or element.get("id", "")
        is_feature = element.tag == "consensusElement" or (element.tag == "feature" and reading.depth == 1)
        reading.depth -= element.tag == "feature"
        if is_feature:
            if not reading.is_started:
                reading.is_started = True
                yield 1, [*FEATURE_COLUMNS, *(f"{SAMPLE_PREFIX}{name}" for name in reading.maps.values())]
            reading.n_features += 1
            yield reading.n_features + 1, _cells(element, reading.maps)
            if features is not None:
                features.clear()  # they would collect in memory


def _cells(element: Element, maps: Mapping[str, str]) -> list[str]:
    parameters = {found.get("name", ""): found.get("value", "") for found in element.findall("UserParam")}
    adduct = next((parameters[name] for name in _ADDUCT_PARAMETERS if parameters.get(name)), "")
    group = next((parameters[name] for name in _GROUP_PARAMETERS if parameters.get(name)), "")
    if element.tag == "feature":
        position = {found.get("dim"): found.text or "" for found in element.findall("position")}
        texts = [position.get("0", ""), position.get("1", "")]
        texts += [(element.findtext(name) or "").strip() for name in ("intensity", "charge", "overallquality")]
        return [element.get("id", ""), *texts, adduct, group]
    centroid = element.find("centroid")
    at = {} if centroid is None else centroid.attrib
    by_map = {found.get("map", ""): found.get("it", "") for found in element.iter("element")}
    texts = [at.get(name, "") for name in ("rt", "mz", "it")]
    about = [element.get("charge", ""), element.get("quality", ""), adduct, group]
    return [element.get("id", ""), *texts, *about, *(by_map.get(key, "") for key in maps)]
