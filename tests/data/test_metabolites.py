"""The bundled library: facts recomputed from structures, and the isomer families that demonstrations need."""

from __future__ import annotations

import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem.rdinchi import MolToInchiKey
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt, CalcMolFormula

from compassign.chemistry.formulas import monoisotopic_mass
from compassign.data.metabolites import load_metabolites, select_families
from compassign.errors import InputError

ISOMER_FAMILIES = {
    "C6H13NO2": {"L-Leucine", "L-Isoleucine", "L-Norleucine", "L-Alloisoleucine", "L-tert-Leucine"},
    "C6H8O7": {"Citric acid", "Isocitric acid"},
    "C6H13O9P": {
        "Glucose 6-phosphate",
        "Glucose 1-phosphate",
        "Fructose 6-phosphate",
        "Fructose 1-phosphate",
        "Mannose 6-phosphate",
        "Galactose 1-phosphate",
    },
    "C5H11O8P": {"Ribose 5-phosphate", "Ribulose 5-phosphate", "Xylulose 5-phosphate"},
    "C6H12O6": {"D-Glucose", "D-Fructose", "D-Galactose", "D-Mannose", "myo-Inositol", "scyllo-Inositol"},
    "C6H14O6": {"D-Sorbitol", "D-Mannitol", "Galactitol"},
    "C12H22O11": {"Sucrose", "Maltose", "Lactose", "Trehalose"},
    "C18H32O16": {"Raffinose", "Maltotriose"},
    "C4H9NO2": {"4-Aminobutyric acid", "L-2-Aminobutyric acid", "3-Aminobutyric acid"},
    "C4H8O3": {"3-Hydroxybutyric acid", "2-Hydroxybutyric acid", "4-Hydroxybutyric acid"},
    "C7H6O3": {"Salicylic acid", "3-Hydroxybenzoic acid", "4-Hydroxybenzoic acid"},
    "C7H7NO2": {"Anthranilic acid", "3-Aminobenzoic acid", "4-Aminobenzoic acid"},
    "C8H8O2": {"o-Toluic acid", "m-Toluic acid", "p-Toluic acid"},
    "C7H11N3O2": {"1-Methyl-L-histidine", "3-Methyl-L-histidine"},
    "C7H8N4O2": {"Theobromine", "Theophylline", "Paraxanthine"},
    "C11H15N5O4": {"N6-Methyladenosine", "1-Methyladenosine", "2'-O-Methyladenosine"},
    "C19H28O2": {"Testosterone", "Epitestosterone", "Dehydroepiandrosterone"},
    "C21H30O3": {"17-Hydroxyprogesterone", "11-Deoxycorticosterone", "11beta-Hydroxyprogesterone"},
    "C21H30O4": {"Corticosterone", "11-Deoxycortisol", "21-Deoxycortisol"},
    "C18H24O3": {"Estriol", "16-Epiestriol", "2-Hydroxyestradiol", "4-Hydroxyestradiol"},
    "C24H40O4": {"Chenodeoxycholic acid", "Deoxycholic acid", "Ursodeoxycholic acid", "Hyodeoxycholic acid"},
    "C24H40O5": {"Cholic acid", "Hyocholic acid", "alpha-Muricholic acid", "beta-Muricholic acid"},
    "C26H45NO6S": {"Taurochenodeoxycholic acid", "Taurodeoxycholic acid"},
    "C20H32O3": {"5-HETE", "12-HETE", "15-HETE", "20-HETE"},
    "C18H32O3": {"9-HODE", "13-HODE"},
    "C20H32O4": {"Leukotriene B4", "5,15-DiHETE", "14,15-DiHETE"},
    "C20H32O5": {"Prostaglandin E2", "Prostaglandin D2", "Lipoxin A4"},
    "C12H23NO4": {"Valerylcarnitine", "Isovalerylcarnitine", "2-Methylbutyrylcarnitine", "Pivaloylcarnitine"},
    "C24H50NO7P": {"LysoPC 16:0 (sn-1)", "LysoPC 16:0 (sn-2)"},
    "C8H16N2O3": {"Gly-Leu", "Leu-Gly", "Gly-Ile", "Ala-Val", "Val-Ala"},
    "C17H25N3O4": {"Phe-Gly-Leu", "Leu-Gly-Phe", "Gly-Ile-Phe", "Ala-Val-Phe"},
    "C15H10O5": {"Apigenin", "Genistein", "Galangin", "Baicalein"},
    "C15H10O6": {"Luteolin", "Kaempferol", "Fisetin", "Orobol"},
}

# Published standard InChIKeys: the names belong to the structures, stereochemistry included.
PUBLISHED_INCHIKEYS = {
    "L-Leucine": "ROHFNLRQFUQHCH-YFKPBYRVSA-N",
    "L-Isoleucine": "AGPKZVBTJJNPAG-WHFBIAKZSA-N",
    "D-Glucose": "WQZGKKKJIJFFOK-GASJEMHNSA-N",
    "D-Galactose": "WQZGKKKJIJFFOK-SVZMEOIVSA-N",
    "D-Mannose": "WQZGKKKJIJFFOK-QTVWNMPRSA-N",
    "myo-Inositol": "CDAISMWEOUEBRE-GPIVLXJGSA-N",
    "D-Mannitol": "FBPFZTCFMRRESA-KVTDHHQDSA-N",
    "Sucrose": "CZMRCDWAGMRECN-UGDNZRGBSA-N",
    "Raffinose": "MUPFEKGTMRGPLJ-ZQSKZDJDSA-N",
    "Glucose 6-phosphate": "NBSCHQHZLSJFNQ-GASJEMHNSA-N",
    "Adenosine": "OIRDTQYFTABQOQ-KQYNXXCUSA-N",
    "Testosterone": "MUMGGOZAMZWBJJ-DYKIIFRCSA-N",
    "Epitestosterone": "MUMGGOZAMZWBJJ-KZYORJDKSA-N",
    "Etiocholanolone": "QGXBDMJGAMFCBF-BNSUEQOYSA-N",
    "Androsterone": "QGXBDMJGAMFCBF-HLUDHZFRSA-N",
    "Cortisol": "JYGXADMDTFJGBT-VWUMJDOOSA-N",
    "Estriol": "PROQIPRRNZUXQM-ZXXIGWHRSA-N",
    "Cholic acid": "BHQCQFFYRZLCQQ-OELDTZBJSA-N",
    "Chenodeoxycholic acid": "RUDATBOHQWOJDD-BSWAIDMHSA-N",
    "Ursodeoxycholic acid": "RUDATBOHQWOJDD-UZVSRGJWSA-N",
    "Prostaglandin E2": "XEYBRNLFEZDVAW-ARSRFYASSA-N",
    "Catechin": "PFTAWBLQPZVEMU-DZGCQCFKSA-N",
    "Chlorogenic acid": "CWVRJTMFETXNAD-JUHZACGLSA-N",
    "L-Carnitine": "PHIQHXFUZVPYII-ZCFIWIBFSA-N",
}


@pytest.fixture(scope="module")
def metabolites() -> pd.DataFrame:
    return load_metabolites()


def test_library_has_the_promised_size_and_columns(metabolites: pd.DataFrame) -> None:
    assert 350 <= len(metabolites) <= 500
    expected = ["compound_id", "name", "family", "formula", "charge", "exact_mass", "inchikey", "smiles"]
    assert metabolites.columns.tolist() == expected
    assert not metabolites.isna().any(axis=None)
    assert (metabolites[["compound_id", "name", "family", "formula", "inchikey", "smiles"]] != "").all(axis=None)


@pytest.mark.parametrize("column", ["compound_id", "name", "inchikey", "smiles"])
def test_no_compound_is_there_twice(metabolites: pd.DataFrame, column: str) -> None:
    assert metabolites[column].duplicated().sum() == 0


def test_facts_follow_from_the_structures(metabolites: pd.DataFrame) -> None:
    mols = [Chem.MolFromSmiles(smiles) for smiles in metabolites["smiles"]]
    assert [CalcMolFormula(mol) for mol in mols] == metabolites["formula"].tolist()
    assert [MolToInchiKey(mol) for mol in mols] == metabolites["inchikey"].tolist()
    assert [Chem.GetFormalCharge(mol) for mol in mols] == metabolites["charge"].tolist()
    assert metabolites["exact_mass"].to_numpy() == pytest.approx([CalcExactMolWt(mol) for mol in mols], abs=1e-5, rel=0)


def test_masses_agree_with_the_formulas_and_ions_have_lost_their_electrons(metabolites: pd.DataFrame) -> None:
    from_formula = [monoisotopic_mass(formula) for formula in metabolites["formula"]]
    assert metabolites["exact_mass"].to_numpy() == pytest.approx(from_formula, abs=1e-5, rel=0)
    choline = metabolites.set_index("name").loc["Choline"]
    assert choline["charge"] == 1
    assert choline["exact_mass"] == pytest.approx(104.10699, abs=1e-5)


@pytest.mark.parametrize("formula", sorted(ISOMER_FAMILIES))
def test_isomer_family_is_there(metabolites: pd.DataFrame, formula: str) -> None:
    names = set(metabolites.loc[metabolites["formula"] == formula, "name"])
    assert names >= ISOMER_FAMILIES[formula]


def test_names_belong_to_their_stereoisomers(metabolites: pd.DataFrame) -> None:
    found = metabolites.set_index("name")["inchikey"]
    assert {name: found[name] for name in PUBLISHED_INCHIKEYS} == PUBLISHED_INCHIKEYS


def test_stereoisomers_are_a_small_share(metabolites: pd.DataFrame) -> None:
    skeleton = metabolites["inchikey"].str.slice(0, 14)
    assert skeleton.duplicated(keep=False).mean() < 0.15


def test_zwitterions_are_neutral_and_quaternary_amines_are_not(metabolites: pd.DataFrame) -> None:
    charge = metabolites.set_index("name")["charge"]
    neutral = ["Betaine", "L-Carnitine", "Acetylcarnitine", "Nicotinamide mononucleotide", "LysoPC 16:0 (sn-1)"]
    assert charge[neutral].tolist() == [0] * len(neutral)
    charged = ["Choline", "Acetylcholine", "Thiamine", "1-Methylnicotinamide"]
    assert charge[charged].tolist() == [1] * len(charged)


def test_families_are_selected_in_order_and_unknown_ones_are_named(metabolites: pd.DataFrame) -> None:
    chosen = select_families(metabolites, ("vitamin", "hexose"))
    assert set(chosen["family"]) == {"vitamin", "hexose"}
    assert chosen["compound_id"].is_monotonic_increasing
    assert len(select_families(metabolites, ())) == len(metabolites)
    with pytest.raises(InputError, match="'vitamine'.*'vitamin'"):
        select_families(metabolites, ("vitamine",))
