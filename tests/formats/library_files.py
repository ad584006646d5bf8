"""Small libraries in the layout of each source, made up for the tests, all of the same four compounds.

Leucine twice where a source has several rows of a compound, a nameless or massless entry where databases have some.
"""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
from rdkit import Chem

LEUCINE = "CC(C)C[C@H](N)C(=O)O"
CHOLINE = "C[N+](C)(C)CCO"
CAFFEINE = "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
LEUCINE_KEY, CHOLINE_KEY = "ROHFNLRQFUQHCH-YFKPBYRVSA-N", "OEYIOHPDSNJKLS-UHFFFAOYSA-N"
CAFFEINE_KEY = "RYYVLZVUVIJVGH-UHFFFAOYSA-N"

HMDB = f"""<?xml version="1.0" encoding="UTF-8"?>
<hmdb xmlns="http://www.hmdb.ca">
<metabolite>
  <version>5.0</version><status>quantified</status><accession>HMDB0000687</accession>
  <secondary_accessions><accession>HMDB00687</accession></secondary_accessions>
  <name>L-Leucine</name><chemical_formula>C6H13NO2</chemical_formula>
  <monisotopic_molecular_weight>131.094628665</monisotopic_molecular_weight>
  <smiles>{LEUCINE}</smiles><inchikey>{LEUCINE_KEY}</inchikey>
  <taxonomy><name>not a name</name></taxonomy>
</metabolite>
<metabolite>
  <accession>HMDB0000097</accession><name>Choline</name><chemical_formula>C5H14NO</chemical_formula>
  <monisotopic_molecular_weight>104.107539075</monisotopic_molecular_weight>
  <smiles>{CHOLINE}</smiles><inchikey>{CHOLINE_KEY}</inchikey>
</metabolite>
<metabolite>
  <accession>HMDB0001847</accession><name>Caffeine; 1,3,7-trimethylxanthine</name>
  <chemical_formula>C8H10N4O2</chemical_formula><monisotopic_molecular_weight/>
  <smiles>{CAFFEINE}</smiles><inchikey>{CAFFEINE_KEY}</inchikey>
</metabolite>
<metabolite>
  <accession>HMDB0099999</accession><name>A polymer</name><chemical_formula/>
</metabolite>
</hmdb>
"""


def mol_block(smiles: str) -> str:
    """A structure as an SD file writes it, without a title."""
    return str(Chem.MolToMolBlock(Chem.MolFromSmiles(smiles)))


def sdf() -> str:
    """LIPID MAPS' fields; one name is empty, as many there are, and one record has nothing but its structure."""
    records = [
        (LEUCINE, {"LM_ID": "LMX1", "NAME": "L-Leucine", "FORMULA": "C6H13NO2", "EXACT_MASS": "131.094629"}),
        (CHOLINE, {"LM_ID": "LMX2", "NAME": "", "COMMON_NAME": "Choline", "FORMULA": "C5H14NO+", "SMILES": CHOLINE}),
        (CAFFEINE, {"LM_ID": "LMX3", "SYSTEMATIC_NAME": "Caffeine; 1,3,7-trimethylxanthine"}),
    ]
    text = io.StringIO()
    for smiles, fields in records:
        text.write(mol_block(smiles))
        for name, value in fields.items():
            text.write(f"> <{name}>\n{value}\n\n")
        text.write("$$$$\n")
    return text.getvalue()


MSP = f"""Name: L-Leucine
Synon: $:00in-source
PrecursorMZ: 132.1019
Precursor_type: [M+H]+
Formula: C6H13NO2
InChIKey: {LEUCINE_KEY}
Comments: "SMILES={LEUCINE}" "license=CC0"
Num Peaks: 2
86.0964 100; 44.0495 12
\r
NAME: L-Leucine
PRECURSORMZ: 130.0873
PRECURSORTYPE: [M-H]-
FORMULA: C6H13NO2
INCHIKEY: {LEUCINE_KEY}
COLLISIONENERGY: 20
Num Peaks: 1
84.0455\t999

NAME: Choline
PRECURSORMZ: 104.1070
PRECURSORTYPE: [M]+
FORMULA: C5H14NO
INCHIKEY: {CHOLINE_KEY}
Num Peaks: 1
60.081 100
NAME: Caffeine; 1,3,7-trimethylxanthine
PRECURSORMZ: 195.0877
PRECURSORTYPE: [M+H]+
SMILES: {CAFFEINE}
INCHIKEY: {CAFFEINE_KEY}
Num Peaks: 2
138.0662 100
110.0713 20 "y1"

NAME: mystery 17
Num Peaks: 1
50 1
"""

MGF = f"""BEGIN IONS
PEPMASS=132.1019
CHARGE=1
IONMODE=Positive
NAME=L-Leucine - 40.0 eV
SMILES={LEUCINE}
INCHI=InChI=1S/C6H13NO2/c1-4(2)3-5(7)6(8)9/h4-5H,3,7H2,1-2H3,(H,8,9)/t5-/m0/s1
INCHIAUX=N/A
SPECTRUMID=CCMSLIB1
86.0964 100
44.0495 12
END IONS

BEGIN IONS
PEPMASS=104.107
NAME=Choline M+
SMILES={CHOLINE}
INCHI=N/A
60.081 100
END IONS

BEGIN IONS
PEPMASS=195.0877
NAME=Caffeine; 1,3,7-trimethylxanthine M+H
INCHI=InChI=1S/C8H10N4O2/c1-10-4-9-6-5(10)7(13)12(3)8(14)11(6)2/h4H,1-3H3
SMILES=N/A
138.0662 100
110.0713 20
END IONS
"""

MZMINE = f"""neutral_mass,mz,rt,formula,smiles,inchi,inchi_key,name,CCS,mobility,adduct,comment,PubChemCID
131.094629,132.1019,2.31,C6H13NO2,{LEUCINE},,{LEUCINE_KEY},L-Leucine,131.2,,[M+H]+,,6106
131.094629,130.0873,2.31,C6H13NO2,{LEUCINE},,{LEUCINE_KEY},L-Leucine,128.0,,[M-H]-,,6106
,,-1,C5H14NO+,{CHOLINE},,{CHOLINE_KEY},Choline,,,[M]+,,305
,195.0877,4.1,,,,,"Caffeine; 1,3,7-trimethylxanthine",142.1,,[M+H]+,,2519
"""

MSDIAL = "".join(
    "\t".join(cells) + "\r\n"
    for cells in [
        ("Verbindung", "Masse", "Zeit", "Ion", "Key", "Summe", "Struktur", "Ontology", "CCS"),
        ("L-Leucine", "132.1019", "2.31", "[M+H]+", LEUCINE_KEY, "C6H13NO2", LEUCINE, "", "131.2"),
        ("Choline", "104.1070", "", "[M]+", CHOLINE_KEY, "C5H14NO", CHOLINE, "", ""),
        ("Caffeine; 1,3,7-trimethylxanthine", "195.0877", "4.1", "[M+H]+", CAFFEINE_KEY, "C8H10N4O2", CAFFEINE, "", ""),
    ]
)

OWN = """Library of our lab;;;;
ID;Compound name;Molecular formula;Monoisotopic mass (Da);RT [sec];Box
K1;L-Leucine;C6H13NO2;131,0946;138,6;A 1
K2;Choline;C5H14NO+;;;A 2
K3;"Caffeine; 1,3,7-trimethylxanthine";C8H10N4O2;194,0804;246;B 1
"""

XMSANNOTATOR = """compound,name,molecular_formula,monoisotopic_mass
1,L-Leucine,C6H13NO2,131.0946
2,Choline,C5H14NO+,104.10699
3,"Caffeine; 1,3,7-trimethylxanthine",C8H10N4O2,194.0804
"""


def write_workbook(path: Path) -> None:
    """The lab's sheet as xlsx."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    rows: list[list[str | float | None]] = [
        ["Compound", "Formula", "SMILES", "RT (min)"],
        ["L-Leucine", "C6H13NO2", LEUCINE, 2.31],
        ["Choline", "C5H14NO+", CHOLINE, None],
        ["Caffeine; 1,3,7-trimethylxanthine", "C8H10N4O2", CAFFEINE, 4.1],
    ]
    for row in rows:
        sheet.append(row)
    book.save(path)


FILES: dict[str, tuple[str, str]] = {
    "HMDB": ("hmdb", HMDB),
    "SDF": ("sdf", ""),
    "MSP": ("msp", MSP),
    "MGF": ("mgf", MGF),
    "mzmine": ("sheet", MZMINE),
    "MS-DIAL": ("sheet", MSDIAL),
    "own": ("sheet", OWN),
    "xMSannotator": ("sheet", XMSANNOTATOR),
    "workbook": ("sheet", ""),
}
"""Source -> name of the format and content; the content of two is made when they are written."""


def write_library(source: str, folder: Path) -> Path:
    """A library's file; its name says nothing of what it is, but for xlsx."""
    path = folder / ("library.xlsx" if source == "workbook" else "library.dat")
    if source == "workbook":
        write_workbook(path)
    else:
        path.write_text(sdf() if source == "SDF" else FILES[source][1], encoding="utf-8", newline="")
    return path
