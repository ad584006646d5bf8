"""What belongs to a feature of OpenMS is told from what is said of the identifications in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from compassign.formats.openms_xml import openms_records

SAYS = '<UserParam type="string" name="adduct" value="{}"/>'
IDENTIFIED = (
    f"<PeptideIdentification><PeptideHit>{SAYS.format('[M+K]+')}</PeptideHit>{SAYS.format('x')}</PeptideIdentification>"
)
CENTROID = '<centroid rt="60" mz="100.5" it="7"/>'
CONSENSUS = (
    '<consensusXML><mapList><map id="0" name="a.mzML"/></mapList>'
    f"<IdentificationRun>{SAYS.format('y')}</IdentificationRun><consensusElementList>"
    f'<consensusElement id="e1">{CENTROID}<groupedElementList><element map="0" it="5"/></groupedElementList>'
    f"{SAYS.format('[M+H]+')}{IDENTIFIED}</consensusElement>"
    f'<consensusElement id="e2">{CENTROID}{IDENTIFIED}</consensusElement>'
    f'<consensusElement id="e3">{CENTROID}{SAYS.format("[M+Na]+")}</consensusElement>'
    "</consensusElementList></consensusXML>"
)
POSITION = '<position dim="0">60</position><position dim="1">100.5</position><intensity>7</intensity>'
FEATURES = (
    f'<featureMap><featureList><feature id="f1">{POSITION}{SAYS.format("[M+H]+")}<subordinate>'
    f'<feature id="f2">{POSITION}{SAYS.format("[M+K]+")}</feature></subordinate></feature></featureList></featureMap>'
)


@pytest.mark.parametrize(
    ("text", "adducts", "abundances"),
    [(CONSENSUS, {"e1": "[M+H]+", "e2": "", "e3": "[M+Na]+"}, ["5", "", ""]), (FEATURES, {"f1": "[M+H]+"}, None)],
)
def test_adducts_are_those_of_features(
    text: str, adducts: dict[str, str], abundances: list[str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "features.xml"
    path.write_text(text)
    (_, header), *rows = openms_records(path)
    cells = [dict(zip(header, row, strict=True)) for _, row in rows]
    assert {cell["id"]: cell["adduct"] for cell in cells} == adducts
    assert {cell["mz"] for cell in cells} == {"100.5"}
    if abundances is not None:
        assert [cell["intensity of a.mzML"] for cell in cells] == abundances
