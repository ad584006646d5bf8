"""Structures of compounds."""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D
from rdkit.rdBase import BlockLogs

WIDTH_PX, HEIGHT_PX = 360, 230
_CLEAR = (1.0, 1.0, 1.0, 0.0)
MAX_LENGTH = 2000  # characters of SMILES; a longer one is no small molecule and draws for minutes


def draw_structure(smiles: str, is_dark: bool = False) -> str | None:
    """Drawing of a structure as SVG with a clear background; None if there is none or it cannot be read.

    The SVG is made of the parsed molecule alone, so that nothing of the text can get into it.
    """
    if not smiles or len(smiles) > MAX_LENGTH:
        return None
    with BlockLogs():  # what cannot be read is no news
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH_PX, HEIGHT_PX)
    options = drawer.drawOptions()
    if is_dark:
        rdMolDraw2D.SetDarkMode(options)
    options.setBackgroundColour(_CLEAR)
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
    drawer.FinishDrawing()
    return str(drawer.GetDrawingText())
