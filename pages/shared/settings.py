"""The advanced part of the form of a run: every setting with its meaning, in the words of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from compassign.config import SamplerConfig
from compassign.queries.run_settings import ADDUCTS, CHOICES, EVIDENCE, SAMPLER, SETTINGS, Setting
from pages.shared.text import escaped

_N_COLUMNS = 2


def ask_advanced(models: Sequence[str], sampler: SamplerConfig) -> dict[str, Any]:
    """Ask for every setting that matters to one of the models; returns those that were given.

    sampler : of the preset, whose values stand where nothing is given.
    """
    relevant = [setting for setting in SETTINGS.values() if set(setting.only_for) & set(models)]
    given: dict[str, Any] = {}
    with st.expander("Advanced", icon=":material/tune:"):
        st.caption("What is left empty has the value in grey. Hover over a question mark to read what it does.")
        places = st.columns(_N_COLUMNS)
        for index, setting in enumerate(relevant):
            with places[index % _N_COLUMNS]:
                given[setting.name] = _ask(setting, sampler)
    return {name: value for name, value in given.items() if value not in (None, [])}


def _ask(setting: Setting, sampler: SamplerConfig) -> Any:
    key, about = f"set {setting.name}", escaped(setting.about)
    if setting.name == "adducts":
        return st.multiselect(
            setting.label,
            list(dict.fromkeys([*ADDUCTS, *(st.session_state.get(key) or [])])),
            key=key,
            help=about,
            accept_new_options=True,
            placeholder="The common ones of each polarity",
        )
    if setting.name == "without":
        return st.multiselect(setting.label, EVIDENCE, key=key, help=about, placeholder="None")
    default = getattr(sampler, setting.name.removeprefix(SAMPLER), setting.default)
    shown = "as the dataset says" if default is None else f"{default:g}" if isinstance(default, float) else f"{default}"
    if setting.name in CHOICES:
        return st.selectbox(setting.label, CHOICES[setting.name], index=None, key=key, help=about, placeholder=shown)
    is_count = isinstance(default, int)
    step = 1 if is_count else 1.0 if default and default >= 1.0 else 0.01
    return st.number_input(
        setting.label,
        value=None,
        step=step,
        format="%d" if is_count else "%g",
        key=key,
        help=about,
        placeholder=shown,
    )
