"""Export: take a run's results away, and back the whole workspace up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from compassign.errors import InputError
from compassign.figures.export import figure_files
from compassign.queries.exchange import exchange_files
from compassign.queries.export import ExportFile, mark, readme, run_files, warning, zipped
from compassign.workspace_backup import Archived, list_backups, new_backup_path, restore_backup, write_backup
from pages.shared.current_run import choose_run, output_folder
from pages.shared.guard import begin
from pages.shared.text import complain, escaped

MAX_DOWNLOAD_MB = 200  # Streamlit holds what it sends in memory
BYTES_PER_MB = 1_000_000
_DONE = "archived"


def _show_file(run_id: str, file: ExportFile) -> None:
    row = st.container(horizontal=True, vertical_alignment="center")
    row.markdown(f"**{escaped(file.name)}**  \n:small[:gray[{file.about}]]", width="stretch")
    row.download_button(
        "Download",
        data=file.make,
        file_name=f"{run_id}_{file.name}",
        key=f"download {file.name}",
        on_click="ignore",
        icon=":material/download:",
    )


def _show_run() -> None:
    run, peaks = choose_run("Export", "Take results away as files that other programs read.")
    st.header("This run")
    with_people = st.toggle(
        "Names of people",
        value=True,
        key="people",
        bind="query-params",
        help="Who labelled and who owns, in labels and records. Without it these columns are left out.",
    )
    tables, for_others = run_files(run, with_people), exchange_files(run)
    figures = figure_files(run, peaks)
    note = readme(run, [*tables, *for_others, *figures], with_people)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        n_tables = len(tables) + len(for_others)
        what = f"{n_tables} tables and documents, {len(figures)} figures, and a note on how far to trust them."
        st.markdown(f"**Everything as one zip**  \n:small[:gray[{what}]]", width="stretch")
        st.download_button(
            "Download all",
            data=partial(zipped, [note, *tables, *for_others, *figures]),
            file_name=f"{run.run_id}{mark(run)}.zip",
            key="download all",
            on_click="ignore",
            icon=":material/folder_zip:",
            type="primary",
        )
    if warning(run):
        st.caption("The verdict is a part of every file's name, so that the warning goes where the numbers go.")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Tables and documents", help="Cells that a spreadsheet could take for a formula are text.")
        for file in tables:
            _show_file(run.run_id, file)
        if for_others:
            st.subheader("For other programs", help="The same numbers, laid out as other programs read them.")
        for file in for_others:
            _show_file(run.run_id, file)
    with right:
        st.subheader("Figures", help="Pages that any browser opens, without a network.")
        for file in figures:
            _show_file(run.run_id, file)


def _say(done: Archived, what: str) -> None:
    st.success(f"{what}.", icon=":material/check:")
    st.text("\n".join(done.lines(what)))


def _back_up(output: Path) -> None:
    """Write a backup while its progress is shown; the next run of the page says how that ended."""
    bar = st.progress(0.0, "Writing the backup")
    try:
        done = write_backup(output, new_backup_path(output), lambda share: bar.progress(share, "Writing the backup"))
        st.session_state[_DONE] = (done, "Written")
    except InputError as error:
        st.session_state[_DONE] = (str(error), "The backup could not be made.")
    bar.empty()


def _restore(file: Path, folder: Path) -> None:
    bar = st.progress(0.0, "Restoring")
    try:
        done = restore_backup(file, folder, lambda share: bar.progress(share, "Restoring"))
        st.session_state[_DONE] = (done, "Restored")
    except InputError as error:
        st.session_state[_DONE] = (str(error), "The backup could not be restored.")
    bar.empty()


def _show_outcome() -> None:
    outcome, headline = st.session_state.pop(_DONE, (None, ""))
    if isinstance(outcome, Archived):
        _say(outcome, headline)
    elif outcome is not None:
        complain(headline, outcome)


def _show_backups(backups: list[Path]) -> None:
    for file in backups:
        size_mb = file.stat().st_size / BYTES_PER_MB
        row = st.container(horizontal=True, vertical_alignment="center")
        row.markdown(f"**{escaped(file.name)}**  \n:small[:gray[{size_mb:.1f} MB]]", width="stretch")
        if size_mb <= MAX_DOWNLOAD_MB:
            row.download_button(
                "Download",
                data=file.read_bytes,
                file_name=file.name,
                key=f"backup {file.name}",
                on_click="ignore",
                icon=":material/download:",
            )
        else:
            st.caption(f"More than {MAX_DOWNLOAD_MB} MB, too large for a browser. Copy it from its folder:")
            st.text(str(file.absolute()))


def _show_workspace() -> None:
    output = output_folder()
    st.header("The whole workspace", help="All runs, uploaded datasets, logs, and the list of runs.")
    _show_outcome()
    left, right = st.columns(2, gap="large")
    backups = list_backups(output)
    with left:
        st.subheader("Backup")
        st.caption("One zip with a consistent copy of the database. Runs may go on; of those only the log is kept.")
        if st.button("Make a backup", key="back up", icon=":material/archive:", disabled=not output.is_dir()):
            _back_up(output)
            st.rerun()
        _show_backups(backups)
    with right:
        st.subheader("Restore")
        st.caption("Into a new folder beside this one. What is here now stays as it is.")
        if not backups:
            st.caption("There is no backup yet. One from elsewhere is found here when it lies in this folder:")
            st.text(str(new_backup_path(output).parent.absolute()))
            return
        file = st.selectbox("Backup", backups, format_func=lambda path: path.name, key="restore from")
        name = st.text_input("Name of the new folder", key="restore to", placeholder="restored")
        if st.button("Restore", key="restore", icon=":material/unarchive:", disabled=not _is_name(name)):
            _restore(file, output.absolute().parent / name)
            st.rerun()
        st.caption("Look at it with `compassign serve --output` and the path of the new folder.")


def _is_name(text: str | None) -> bool:
    """Whether a text names a folder, and not a way out of the one it is in."""
    return bool(text) and Path(text or "").name == text and not str(text).startswith(".")


def show() -> None:
    """Show the page."""
    begin("Export")
    of_run, of_workspace = st.container(), st.container()
    with of_workspace:  # first: a page without a run stops
        st.divider()
        _show_workspace()
    with of_run:
        _show_run()


show()
