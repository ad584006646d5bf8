"""OpenMS's featureXML and consensusXML as rows of a table, tag by tag, without entities.

Source: the schemas FeatureXML_1_9.xsd and ConsensusXML_1_7.xsd of OpenMS. Retention times are in seconds. Expat is used
as it is, because a table of 200 samples has millions of tags, for each of which an element takes too long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Record

ROOTS = (b"<consensusXML", b"<featureMap")
FEATURE_COLUMNS = ("id", "rt", "mz", "intensity", "charge", "quality", "adduct", "group")
SAMPLE_PREFIX = "intensity of "
_ADDUCT_PARAMETERS = ("adduct", "best ion", "dc_charge_adducts")  # of UserParam, in order of trust
_GROUP_PARAMETERS = ("Group", "annotation network number")
_TEXTS = ("position", "intensity", "charge", "overallquality")  # elements of a feature that hold a text
_MAX_SAMPLES = 100_000
_BLOCK_BYTES = 1_000_000
_MAX_TAG_BYTES = 8_000_000  # as of a line of text


class _HostileError(Exception):
    """The file declares what no file of OpenMS declares."""


@dataclass
class _Feature:
    """One feature as far as it was read. line, depth : of its tag. by_map : abundance in each input map."""

    tag: str
    line: int
    depth: int
    attributes: Mapping[str, str]
    centroid: Mapping[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    by_map: dict[str, str] = field(default_factory=dict)


class _Reader:
    """Collects rows while expat reads. maps : id of an input map -> its file name."""

    def __init__(self) -> None:
        self.maps: dict[str, str] = {}
        self.rows: list[Record] = []
        self._has_header = False
        self._depth = 0
        self._feature: _Feature | None = None
        self._is_own = True  # whether a parameter is of the feature and not of an identification in it
        self._text: list[str] = []
        self.parser: XMLParserType = ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse  # without one there are no entities

    def finish(self) -> None:
        """Complete the last feature; raises ExpatError where the file is cut off."""
        self.parser.Parse(b"", True)
        if self._feature is not None:
            self._add(self._feature)

    def _refuse(self, *_: object) -> NoReturn:
        raise _HostileError

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        feature = self._feature
        if feature is None:
            if tag == "feature":
                self._feature = _Feature(tag, self.parser.CurrentLineNumber, self._depth, attributes)
            elif tag == "consensusXML":  # where no feature holds another, so that the next one ends the last one
                self.parser.StartElementHandler = self._start_of_consensus
                self.parser.EndElementHandler = None
        elif self._depth == feature.depth + 1:  # features hold features, of which only the outer ones count
            if tag == "UserParam":
                feature.parameters[attributes.get("name", "")] = attributes.get("value", "")
            elif tag in _TEXTS:
                self._text = [f"{tag}{attributes.get('dim', '')}"]
                self.parser.CharacterDataHandler = self._text.append

    def _end(self, _: str) -> None:
        feature = self._feature
        if feature is not None and self._depth <= feature.depth + 1:
            if self._text:
                feature.texts[self._text[0]] = "".join(self._text[1:]).strip()
                self._text = []
                self.parser.CharacterDataHandler = None
            elif self._depth == feature.depth:
                self._add(feature)
                self._feature = None
        self._depth -= 1

    def _start_of_consensus(self, tag: str, attributes: dict[str, str]) -> None:
        feature = self._feature
        if tag == "element":
            if feature is not None and (name := attributes.get("map", "")) in self.maps:
                feature.by_map[name] = attributes.get("it", "")
        elif tag == "consensusElement":
            if feature is not None:
                self._add(feature)
            self._feature = _Feature(tag, self.parser.CurrentLineNumber, 0, attributes)
            self._is_own = True
        elif feature is None:
            if tag == "map" and len(self.maps) < _MAX_SAMPLES:
                name = attributes.get("id", "")
                self.maps[name] = attributes.get("name", "") or name
        elif tag == "centroid":
            feature.centroid = attributes
        elif tag == "PeptideIdentification":
            self._is_own = False
        elif tag == "UserParam" and self._is_own:
            feature.parameters[attributes.get("name", "")] = attributes.get("value", "")

    def _add(self, feature: _Feature) -> None:
        if not self._has_header:
            self._has_header = True
            self.rows.append((1, [*FEATURE_COLUMNS, *(f"{SAMPLE_PREFIX}{name}" for name in self.maps.values())]))
        self.rows.append((feature.line, [*_cells(feature), *(feature.by_map.get(key, "") for key in self.maps)]))


def _cells(feature: _Feature) -> list[str]:
    """The cells of `FEATURE_COLUMNS`."""
    said, texts, at = feature.parameters, feature.texts, feature.centroid
    adduct = next((said[name] for name in _ADDUCT_PARAMETERS if said.get(name)), "")
    group = next((said[name] for name in _GROUP_PARAMETERS if said.get(name)), "")
    if feature.tag == "feature":
        names = ("position0", "position1", *_TEXTS[1:])
        return [feature.attributes.get("id", ""), *(texts.get(name, "") for name in names), adduct, group]
    about = [feature.attributes.get(name, "") for name in ("charge", "quality")]
    return [feature.attributes.get("id", ""), *(at.get(name, "") for name in ("rt", "mz", "it")), *about, adduct, group]


def openms_records(path: Path) -> Iterator[Record]:
    """A header and one row for each feature, whose number is the line at which its tag begins.

    Raises InputError for what is no XML, is cut off, has a tag of more than 8 MB or declares entities.
    """
    reader = _Reader()
    fed = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                reader.parser.Parse(block)
                fed += len(block)
                if fed - reader.parser.CurrentByteIndex > _MAX_TAG_BYTES:
                    place = Place(path.name, reader.parser.CurrentLineNumber)
                    raise InputError([Problem.at(place, f"found a tag of more than {_MAX_TAG_BYTES:,} bytes")])
                yield from reader.rows
                reader.rows.clear()
            reader.finish()
            yield from reader.rows
    except ExpatError as error:
        found = f"is no complete XML ({error})"
        raise InputError([Problem.at(Place(path.name, error.lineno), found, "a file that OpenMS wrote")]) from error
    except _HostileError as error:
        found = "declares a document type, which may hold entities"
        raise InputError([Problem.at(Place(path.name), found, "plain XML, as OpenMS writes it")]) from error
