"""What every page begins with: its frame, the navigation, and who may see it."""

from __future__ import annotations

import gc
from importlib.util import find_spec

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.navigation.page import Page

# Drawn here, because a browser asks a server of Google for the icons that Streamlit names.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M3 28h26" stroke="#9A9A9A" stroke-width="3"/>'
    '<path d="M8 28V17M16 28V4M24 28V12" stroke="#0072B2" stroke-width="4"/></svg>'
)
NAME_KEY = "as"  # of the link: who labels or settles, so that a page that is loaded anew goes on
_LOCAL_NAME = "local_name"
_NAME_IN_PAGE = "name_in_page"
_MAX_NAME = 60  # characters
_LOGIN_PACKAGES = ("authlib", "httpx")  # what the extra `login` installs; Streamlit signs in with them


def navigate() -> Page:
    """Show the navigation; returns the page that was asked for."""
    st.set_page_config(page_title="CompAssign", page_icon=_ICON, layout="wide")
    return st.navigation(
        [
            st.Page("pages/home.py", title="Home", default=True),
            st.Page("pages/data.py", title="Data"),
            st.Page("pages/new_run.py", title="New run"),
            st.Page("pages/runs.py", title="Runs"),
            st.Page("pages/peaks.py", title="Peaks"),
            st.Page("pages/calibration.py", title="Calibration"),
            st.Page("pages/diagnostics.py", title="Diagnostics"),
            st.Page("pages/compare.py", title="Compare"),
            st.Page("pages/label.py", title="Label"),
            st.Page("pages/review.py", title="Review"),
            st.Page("pages/export.py", title="Export"),
        ]
    )


def begin(title: str) -> None:
    """Set a page up; stops it where a person has to sign in first.

    Streamlit executes a page without `app.py` on a deep link to a fresh server, so that every page has to call this.
    """
    _keep_out_of_collections(title)
    navigate()
    st.set_page_config(page_title=f"{title} \N{MIDDLE DOT} CompAssign", page_icon=_ICON, layout="wide")
    if not _has_login():
        st.sidebar.text_input(
            "Your name (unverified)",
            key=_LOCAL_NAME,
            max_chars=_MAX_NAME,
            persist_state="session",
            help="Stands beside what you start. Nobody checks it, because there is no signing in.",
        )
        st.sidebar.caption("Local mode: whoever reaches this address sees everything, without signing in.")
    elif st.user.get("is_logged_in"):
        st.sidebar.text(f"Signed in as {st.user.get('name') or st.user.get('email') or 'unknown'}")
        st.sidebar.button("Sign out", on_click=st.logout)
    else:
        _ask_to_sign_in()
        st.stop()


@st.cache_resource(show_spinner=False)
def _keep_out_of_collections(title: str) -> None:
    """Spare the collections of garbage what a page has imported, once a page.

    Streamlit collects after everything that a browser asks for. Looking through all modules takes 0.2 s each time, for
    which keys wait.
    """
    del title
    gc.collect()
    gc.freeze()


def _ask_to_sign_in() -> None:
    """Show the button that leads to the identity provider, or what this installation lacks for that."""
    st.title("CompAssign")
    can_sign_in = all(find_spec(package) for package in _LOGIN_PACKAGES)
    if can_sign_in:
        st.write("Sign in to see runs and their peaks.")
    else:
        st.error("Signing in is configured but not installed, so that nobody gets in.", icon=":material/error:")
        st.write("Run this in the folder of CompAssign, and start the dashboard again:")
        st.code("pip install -e '.[login]'", language=None)
    st.button("Sign in", type="primary", on_click=st.login, disabled=not can_sign_in)


def person() -> str:
    """Who is at the screen: the name of an account, or the one typed in local mode, marked as unverified; "" for none.

    Only after `begin`.
    """
    if _has_login():
        return str(st.user.get("name") or st.user.get("email") or "unknown")
    name = str(st.session_state.get(_LOCAL_NAME) or "").strip()
    return f"{name} (unverified)" if name else ""


def annotator() -> tuple[str, bool]:
    """Who answers at the desk: a name, "" for none yet, and whether an account proves it. Only after `begin`."""
    if _has_login():
        return str(st.user.get("email") or st.user.get("name") or ""), True
    return str(st.session_state.get(_LOCAL_NAME) or "").strip(), False


def ask_name(why: str) -> None:
    """Ask for a name within the page; once it is typed the field is gone, so that the next key acts.

    why : what it is for, Markdown.
    """
    st.text_input(
        f"Your name: {why}", key=_NAME_IN_PAGE, max_chars=_MAX_NAME, on_change=_take_name, icon=":material/badge:"
    )


def _take_name() -> None:
    st.session_state[_LOCAL_NAME] = st.session_state[_NAME_IN_PAGE]


def recall_name() -> None:
    """Go on under the name in the link, typed before the page was loaded anew; before `begin`."""
    if NAME_KEY in st.query_params:
        st.session_state.setdefault(_LOCAL_NAME, st.query_params[NAME_KEY])


def _has_login() -> bool:
    """Whether an identity provider is configured (section `auth` of Streamlit's secrets)."""
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        return False
