"""New run: what to compute, on which dataset, and what it will take."""

from __future__ import annotations

import uuid
from pathlib import Path

import streamlit as st

from compassign.config import RunConfig
from compassign.data.workspace import Source, list_sources
from compassign.errors import InputError
from compassign.queries.cost import disk_problem, estimate, total
from compassign.queries.datasets import Glance
from compassign.queries.run_settings import (
    MODELS,
    PRESETS,
    SETTINGS,
    STANDARD,
    Wish,
    configs,
    earlier_config,
    named,
    preset_sampler,
    wish_of,
)
from pages.shared.current_run import output_folder
from pages.shared.datasets import read_glance, show_problems
from pages.shared.guard import begin, person
from pages.shared.launch import Order, launch_once
from pages.shared.settings import ask_advanced
from pages.shared.text import DOT, complain, escaped

_DATA, _MODELS, _PRESET, _TITLE = "run_data", "run_models", "run_preset", "run_title"
_PREFILLED, _SOURCE = "run_prefilled", "run_source"  # the link that the form was filled from; a dataset of its own
_LAUNCH = "launch"
_FORM = "run_form"  # which form is on the screen: one form starts its runs once
_STARTED = "runs_started"  # form -> ids of the runs that its form started
_REFUSED = "run_refused"  # why the last launch failed
_MODEL_NAMES = {
    "generative": "generative: best probabilities",
    "softmax": "softmax: categorical baseline",
    "calibrated": "calibrated: logistic baseline",
    "lookup": "lookup: what is done today, no fitting",
}
_PRESET_WORDS = {
    "quick": "a first look in a minute or two, judged by looser limits",
    STANDARD: "for results that you keep",
    "thorough": "where a standard run did not converge, or for a publication",
}


def _fill_in(sources: list[Source], output: Path) -> list[Source]:
    """Fill the form in as the link says, once; returns the datasets to choose from."""
    query = _link()
    if st.session_state.get(_PREFILLED) != query or _DATA not in st.session_state:
        st.session_state[_PREFILLED] = query
        st.session_state.pop(_SOURCE, None)
        if "from" in query:
            _fill_in_from(query["from"], sources, output)
        elif "data" in query:
            _set(_DATA, query["data"], [source.name for source in sources])
    own = st.session_state.get(_SOURCE)
    return sources if own is None else named(own, sources)


def _link() -> dict[str, str]:
    """What the link says about the form."""
    return {name: st.query_params[name] for name in ("data", "from") if name in st.query_params}


def _keep_in_link() -> None:
    """Let the link name the dataset that was chosen."""
    if st.session_state[_DATA]:
        st.query_params["data"] = st.session_state[_DATA]
        st.session_state[_PREFILLED] = _link()


def _set(key: str, value: str, options: list[str]) -> None:
    if value in options:
        st.session_state[key] = value
    else:
        complain("There is no such dataset here; choose another.", value)
        st.session_state[key] = None


def _fill_in_from(run_id: str, sources: list[Source], output: Path) -> None:
    try:
        wish = wish_of(earlier_config(output, run_id), sources)
    except InputError as error:
        complain("The settings of that run cannot be read, so the form has the usual ones.", str(error))
        return
    st.session_state[_SOURCE] = wish.source
    st.session_state[_DATA] = wish.source.name
    st.session_state[_MODELS] = list(wish.models)
    st.session_state[_PRESET] = wish.preset
    for name in SETTINGS:
        st.session_state[f"set {name}"] = wish.given.get(name, [] if name == "adducts" else None)


def _ask(sources: list[Source]) -> Wish | None:
    """The form; None while something that has to be chosen is missing."""
    by_name = {source.name: source for source in sources}
    for key, value in ((_DATA, sources[0].name), (_MODELS, [MODELS[0]]), (_PRESET, STANDARD)):
        st.session_state.setdefault(key, value)
    if st.session_state[_DATA] not in by_name:
        st.session_state[_DATA] = None
    data = st.selectbox("Dataset", list(by_name), key=_DATA, on_change=_keep_in_link, placeholder="Choose a dataset")
    models = st.pills(
        "Models, one run each",
        MODELS,
        selection_mode="multi",
        format_func=_MODEL_NAMES.__getitem__,
        key=_MODELS,
        wrap=True,
        help=escaped(RunConfig.model_fields["model"].description or ""),
    )
    preset = st.segmented_control("How long to sample", list(PRESETS), key=_PRESET, required=True) or STANDARD
    sampler = preset_sampler(preset)
    st.caption(
        f"{preset}: {_PRESET_WORDS[preset]}. {sampler.chains} chains of {sampler.draws} kept draws after "
        f"{sampler.tune} of tuning. A look-up samples nothing."
    )
    st.text_input("Title", key=_TITLE, max_chars=100, placeholder="Model and dataset, unless you give one")
    given = ask_advanced(models, sampler)
    return Wish(by_name[data], tuple(models), preset, given) if data and models else None


def _checked(wish: Wish | None) -> tuple[list[RunConfig], Glance | None, str]:
    """The configurations, the dataset, and why it cannot be launched ("" if it can)."""
    if wish is None:
        return [], None, "Choose a dataset and at least one model."
    found: list[RunConfig] = []
    reason = ""
    try:
        found = configs(wish)
    except InputError as error:
        st.error("Some settings cannot be used.", icon=":material/error:")
        st.text("\n".join(error.problems))
        reason = "Correct the settings that are named above."
    try:
        return found, read_glance(wish.source), reason
    except InputError as error:
        st.error("This dataset cannot be used.", icon=":material/error:")
        show_problems(error.problems)
        return found, None, "Choose a valid dataset."


def _show_cost(output: Path, found: list[RunConfig], n_peaks: int) -> str:
    """What the runs take; returns why they do not fit ("" if they do)."""
    costs = [estimate(output, config, n_peaks) for config in found]
    whole = total(costs)
    row = st.container(horizontal=True)
    for label, value, about in (
        ("Time", whole.time, "About so long, one run after another."),
        ("Memory", f"{whole.memory_gb:.1f} GB", "About so much, of the largest of these."),
        ("Disk", f"{whole.disk_mb:,} MB", "At most; usually far less, because results are packed."),
    ):
        row.metric(label, value, help=about)
    for config, cost in zip(found, costs, strict=True):
        st.caption(f"{config.model}: {cost.time}, from {cost.based_on}.")
    return disk_problem(output, costs)


def _form() -> str:
    """Name of the form on the screen; the next one, unless clicked again, where it has started its runs."""
    form = st.session_state.get(_FORM)
    if form is None or (form in st.session_state.get(_STARTED, {}) and not st.session_state.get(_LAUNCH)):
        form = st.session_state[_FORM] = uuid.uuid4().hex
    return str(form)


def _launch(order: Order) -> None:
    """Start what the form says, and go where it can be watched; a second click follows the first one there."""
    started: dict[str, list[str]] = st.session_state.setdefault(_STARTED, {})
    refusal = launch_once(order, started)
    if refusal:
        st.session_state[_REFUSED] = refusal
    run_ids = started[order.form]
    if st.session_state.get(_REFUSED) or not run_ids:
        st.rerun()
    st.switch_page("pages/runs.py", query_params={"run": run_ids[0]})


def _show_started() -> None:
    """Where to watch what this window has started."""
    if st.session_state.get(_REFUSED):
        complain("Not all could be started.", st.session_state.pop(_REFUSED))
    run_ids = [run_id for ids in st.session_state.get(_STARTED, {}).values() for run_id in ids]
    if not run_ids:
        return
    with st.container(border=True):
        st.markdown(f"**Started from this window:** {len(run_ids)}{DOT}each begins as soon as a place is free.")
        for run_id in reversed(run_ids):
            st.page_link("pages/runs.py", label=run_id, icon=":material/arrow_forward:", query_params={"run": run_id})


def _show_launch(output: Path, found: list[RunConfig], reason: str) -> None:
    """The button, heeded in the run that it causes: as a callback it would start what the form said before."""
    form = _form()
    label = f"Launch {len(found)} runs" if len(found) > 1 else "Launch"
    is_clicked = st.button(label, type="primary", disabled=bool(reason), key=_LAUNCH)
    if reason:
        st.caption(f"Not yet: {escaped(reason)}")
    elif is_clicked:
        _launch(Order(form, output, found, str(st.session_state.get(_TITLE) or "").strip(), person()))


def _show_dataset(found: Glance) -> None:
    st.caption(
        f"{found.counts['Peaks']:,} peaks, {found.counts['Compounds']:,} compounds. "
        f"{found.n_with_candidates:,} peaks have a compound of their mass."
    )


def show() -> None:
    """Show the page."""
    begin("New run")
    output = output_folder()
    st.title("New run", help="A run is computed on this machine and goes on when this page is closed.")
    _show_started()
    form, summary = st.columns([3, 2], gap="large")
    with form:
        wish = _ask(_fill_in(list_sources(output), output))
    with summary:
        st.subheader("What it takes")
        found, dataset, reason = _checked(wish)
        if dataset is not None:
            _show_dataset(dataset)
            disk = _show_cost(output, found, len(dataset.peaks)) if found else ""
            reason = reason or disk
        _show_launch(output, found, reason)


show()
