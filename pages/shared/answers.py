"""The keys of the Label page: one key answers, stores and asks about the next peak."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from compassign.errors import InputError, StoreError
from compassign.queries.label_desk import (
    Answer,
    Question,
    find_compounds,
    named_answer,
    other_adducts,
    store_answer,
    take_back,
)
from compassign.queries.labels import Desk
from compassign.queries.run_folder import Run
from pages.shared.text import complain, escaped

ASKED = "label_asked"  # what is asked now, see `Asked`
_REFUSED = "label_refused"  # why the last answer was not stored
_LEVELS = (1, 2, 3, 4, 5)
_MAX_LABEL = 40
_ACCEPT = "A"
_PLAIN = {
    "Null": ("N", Answer("null")),
    "Unsure": ("U", Answer("unsure")),
    "Skip": ("S", Answer("skip")),
    "Bad peak": ("B", Answer("bad_peak")),
}
KEYS: Mapping[str, str] = {
    "1 to 9": "the candidate with this number made the peak",
    "A": "accept what the run says (not where that is hidden)",
    "N": "null: nothing in the library made it",
    "B": "two peaks in one, or no real peak",
    "U": "unsure: looked at, cannot say",
    "S": "skip: somebody else may look at it",
    "Z": "take the last answer back",
    "?": "this list",
}
_HELP = "keys"
# Streamlit takes letters and digits for shortcuts, but no ?; who types into a field means the letter.
_OPEN_HELP = f"""<script>
window.listensForHelp ??= !document.addEventListener("keydown", pressed => {{
  const isField = at => at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)
  if (pressed.key !== "?" || pressed.composedPath().some(isField)) return
  document.querySelector("[class*='st-key-{_HELP}-'] button")?.click()
}})
</script>"""


@dataclass(frozen=True)
class Asked:
    """What is on the screen: who is asked about which peak of which run, and since when.

    since_s : of a clock that only advances (s).
    """

    annotator: str
    run_id: str
    peak_id: str
    client_key: str
    since_s: float


def asked_now(annotator: str, run_id: str, peak_id: str) -> Asked:
    """The question on the screen, a new one where it was answered or another peak is next."""
    asked: Asked | None = st.session_state.get(ASKED)
    if asked is None or (asked.annotator, asked.run_id, asked.peak_id) != (annotator, run_id, peak_id):
        asked = Asked(annotator, run_id, peak_id, uuid.uuid4().hex, time.monotonic())
        st.session_state[ASKED] = asked
    return asked


@dataclass(frozen=True)
class Pad:
    """Everything that the keys need to answer one question; who : name, and whether an account proves it."""

    desk: Desk
    run: Run
    question: Question
    who: tuple[str, bool]
    since_s: float

    def key_of(self, of: str) -> str:
        """Key of a widget that belongs to this question alone, so that the next one begins empty."""
        return f"{of} {self.question.client_key}"


def show_refusal() -> None:
    """Say why the last answer was not stored, once."""
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        complain("Nothing was stored; answer again.", refused)


def show_pad(pad: Pad) -> None:
    """All answers that one key gives."""
    with st.container(horizontal=True):
        for number, (compound_id, name) in enumerate(pad.question.choices.items(), start=1):
            _button(pad, escaped(name[:_MAX_LABEL] or compound_id), str(number), Answer("candidate", (compound_id,)))
    with st.container(horizontal=True):
        _button(pad, "Accept the top", _ACCEPT, pad.question.top)
        for label, (key, answer) in _PLAIN.items():
            _button(pad, label, key, answer)
        st.button("Undo", key=pad.key_of("undo"), shortcut="Z", on_click=_undo, args=[pad])
        st.button("Keys (?)", key=pad.key_of(_HELP), on_click=show_keys, type="tertiary", icon=":material/help:")
    st.html(_OPEN_HELP, unsafe_allow_javascript=True)


def _button(pad: Pad, label: str, key: str, answer: Answer) -> None:
    is_main = key == _ACCEPT and pad.question.is_prelabel_visible
    st.button(
        label,
        key=pad.key_of(f"key {key}"),
        shortcut=key,
        disabled=key == _ACCEPT and not pad.question.is_prelabel_visible,
        type="primary" if is_main else "secondary",
        on_click=_say,
        args=[pad, answer],
    )


@st.dialog("Keys")
def show_keys() -> None:
    """What each key does."""
    st.table({"Key": list(KEYS), "What it does": list(KEYS.values())})
    st.caption("Keys do nothing while you type: leave a field with Tab or a click beside it.")


def ask_about(pad: Pad) -> None:
    """A note and the identification level, which go with the answer, and the answers that take more than a key."""
    fields = st.container(horizontal=True)
    fields.text_input("Note", key=pad.key_of("note"), max_chars=2000, width=320, placeholder="Stored with the answer")
    fields.selectbox(
        "Identification level",
        _LEVELS,
        index=None,
        key=pad.key_of("level"),
        width=180,
        placeholder="None",
        help="Schymanski levels: 1 is confirmed by a standard, 5 an exact mass alone.",
    )
    with st.expander("One of several, another compound, another adduct"):
        _ask_more(pad)


def _ask_more(pad: Pad) -> None:
    found = find_compounds(
        pad.desk, st.text_input("Search the library", key=pad.key_of("search"), placeholder="Name, id or formula") or ""
    )
    chosen = st.session_state.get(pad.key_of("named"), [])
    names = {**{compound_id: compound_id for compound_id in chosen}, **pad.question.choices, **found}
    st.multiselect(
        "Compounds, of which one made the peak",
        list(names),
        format_func=names.__getitem__,
        key=pad.key_of("named"),
        placeholder="Candidates, and what the search finds",
    )
    st.selectbox(
        "Adduct, if none of the candidates has it",
        other_adducts(pad.desk, pad.question.peak_id),
        index=None,
        key=pad.key_of("adduct"),
        placeholder="As the candidates have it",
    )
    st.button("Answer this", key=pad.key_of("answer"), on_click=_say_named, args=[pad])


def _is_asked(pad: Pad) -> bool:
    """Whether a question is still the one on the screen: for a moment, keys of the last one stay in the browser."""
    asked: Asked | None = st.session_state.get(ASKED)
    return asked is not None and asked.client_key == pad.question.client_key


def _say_named(pad: Pad) -> None:
    options, adduct = st.session_state.get(pad.key_of("named"), []), st.session_state.get(pad.key_of("adduct")) or ""
    try:
        answer = named_answer(pad.desk, pad.question.peak_id, options, adduct)
    except InputError as error:
        st.session_state[_REFUSED] = str(error)
        return
    _say(pad, answer)


def _say(pad: Pad, answer: Answer) -> None:
    """Store an answer; a second key of the same question changes nothing, because the first one counts."""
    if not _is_asked(pad):
        return
    whole = replace(
        answer,
        note=st.session_state.get(pad.key_of("note")) or "",
        level=st.session_state.get(pad.key_of("level")),
        seconds=time.monotonic() - pad.since_s,
    )
    try:
        store_answer(pad.desk, pad.run, pad.question, pad.who, whole)
    except (InputError, StoreError) as error:
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state.pop(ASKED, None)


def _undo(pad: Pad) -> None:
    if _is_asked(pad):
        undo_last(pad.desk, pad.who, f"{pad.question.client_key} undo")


def undo_last(desk: Desk, who: tuple[str, bool], client_key: str) -> None:
    """Take one's last answer back; its peak is asked about again."""
    try:
        if take_back(desk, who, client_key) is None:
            st.session_state[_REFUSED] = "There is no answer of yours to take back."
    except (InputError, StoreError) as error:
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state.pop(ASKED, None)
