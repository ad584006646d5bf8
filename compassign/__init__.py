"""CompAssign: which library compound made each LC-MS peak, with honest probabilities."""

__version__ = "0.1.0"
