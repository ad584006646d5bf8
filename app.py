"""The dashboard: `streamlit run app.py`. Navigation only; each screen is a file of `pages/`."""

from __future__ import annotations

from pages.shared.guard import navigate

navigate().run()
