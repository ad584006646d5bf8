"""Which of the MACCS structural keys a compound has: small fragments that tell classes of compounds apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from compassign.units import FloatArray

N_KEYS = 166
_CACHED_COMPOUNDS = 100_000  # a large library; about 200 bytes each


def structural_keys(smiles: Sequence[str]) -> FloatArray:
    """Keys of compounds, 1 or 0, (n, N_KEYS) in the order given; NaN rows where RDKit cannot read the SMILES, or "".

    Source: Durant et al. 2002, J. Chem. Inf. Comput. Sci. 42:1273, as RDKit implements them.
    """
    keys = np.full((len(smiles), N_KEYS), np.nan)
    with rdBase.BlockLogs():  # an unreadable SMILES is answered by NaN, not by lines on the terminal
        for row, text in enumerate(smiles):
            found = _keys(text)
            if found is not None:
                keys[row] = np.unpackbits(np.frombuffer(found, dtype=np.uint8), count=N_KEYS)
    return keys


@lru_cache(maxsize=_CACHED_COMPOUNDS)
def _keys(smiles: str) -> bytes | None:
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    has_key = np.array(list(rdMolDescriptors.GetMACCSKeysFingerprint(molecule)), dtype=np.bool_)
    return np.packbits(has_key[1:]).tobytes()  # RDKit numbers them from 1
