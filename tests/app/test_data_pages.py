"""Data and New run in each of their states, with names in the files that try to be more than text."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path

import pytest
from output_folders import add_run
from streamlit.testing.v1 import AppTest
from test_pages import ROOT, TIMEOUT_S, assert_only_text, open_page, shown

from compassign.config import RunConfig
from compassign.data.workspace import Source, admit, list_sources, list_uploads, receive
from compassign.errors import InputError
from compassign.jobs.launcher import enqueue
from compassign.queries import cost
from compassign.store.database import URL_VARIABLE
from compassign.store.records import RunRow
from compassign.store.runs import RunStore
from pages.shared.launch import Order, launch_once

pytest_plugins = ["example_runs"]

HOSTILE = "<b>x</b> [x](javascript:alert(1)) $x$ :red[y]"
PEAKS = f"peak_id,species,polarity,mz,rt_min,intensity\n{HOSTILE},{HOSTILE},positive,132.1019,2.0,10\n"
COMPOUNDS = f"compound_id,name,formula\nile,{HOSTILE},C6H13NO2\n"
META = f'notes = "{HOSTILE}"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder of its own; what is launched is only queued, not computed."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    monkeypatch.setattr("pages.shared.launch.keep_watched", lambda output: None)
    monkeypatch.setattr("pages.shared.jobs.is_watched", lambda output: True)
    return tmp_path


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"study/{name}", content)
    return packed.getvalue()


def hand_in(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, content, "text/csv") for name, content in files]).run()
    click(app, "Check and add")
    return app


def click(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception, app.exception[0].stack_trace


def add_dataset(folder: Path, name: str = "study") -> None:
    files = {"peaks.csv": PEAKS, "compounds.csv": COMPOUNDS, "dataset.toml": META}
    admit(folder, receive(folder, {file: io.BytesIO(text.encode()) for file, text in files.items()}, name))


def rows(folder: Path) -> list[RunRow]:
    return RunStore.open(folder).rows()


@pytest.mark.parametrize("page", ["data", "new_run"])
def test_a_configured_login_comes_before_the_page(page: str) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT_S)
    app.secrets["auth"] = {"client_id": "compassign"}
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Sign in"]
    assert not app.selectbox
    assert not app.text_input


def test_a_new_workspace_shows_a_demonstration_and_how_to_add_data() -> None:
    app = open_page("data")
    assert app.selectbox[0].options == ["easy · demonstration", "medium · demonstration", "hard · demonstration"]
    assert {metric.label for metric in app.metric} >= {"Peaks", "Compounds", "Calibrants", "With truth"}
    assert app.expander[0].proto.expanded
    assert not app.error


def test_a_dataset_of_the_link_is_shown_as_text_and_leads_to_a_run(folder: Path) -> None:
    add_dataset(folder)
    app = open_page("data", data="study")
    assert app.metric[0].value == "1"
    assert not app.expander[0].proto.expanded
    assert HOSTILE in shown(app)  # in a text element, which renders nothing
    assert_only_text(app)
    link = next(link for link in app.get("page_link") if link.proto.label == "New run on this dataset")
    assert link.proto.query_string == "data=study"


def test_an_unknown_dataset_is_named() -> None:
    app = open_page("data", data=HOSTILE)
    assert "no such dataset" in app.error[0].value
    assert_only_text(app)
    assert not app.metric


def test_a_valid_zip_becomes_the_dataset_on_the_screen(folder: Path) -> None:
    app = open_page("data")
    hand_in(app, ("My study (1).zip", zipped(**{"peaks.csv": PEAKS, "compounds.csv": COMPOUNDS})))
    assert app.query_params["data"] == "My study _1"
    assert app.metric[0].value == "1"
    assert [source.name for source in list_sources(folder)][0] == "My study _1"


def test_every_problem_of_an_upload_is_listed_and_survives_a_reload_until_it_is_dropped(folder: Path) -> None:
    peaks = PEAKS + f"q,{HOSTILE},positive,<i>y</i>,2.0,10\nr,s,up,1,2,3\n"
    app = open_page("data")
    hand_in(app, ("bad.zip", zipped(**{"peaks.csv": peaks, "compounds.csv": COMPOUNDS, "more.txt": ""})))
    for _ in range(2):
        assert "**bad** cannot be used yet: 2 problems" in app.error[0].value
        table = app.dataframe[0].value
        assert table[["file", "row", "column", "found"]].to_numpy().tolist() == [
            ["peaks.csv", 3, "mz", "found '<i>y</i>'"],
            ["peaks.csv", 4, "polarity", "found 'up'"],
        ]
        assert "study/more.txt" in shown(app)
        assert_only_text(app)
        assert "bad" not in " ".join(app.selectbox[0].options)
        app = open_page("data")
    click(app, "Drop this upload")
    assert not list_uploads(folder)
    assert not app.error


def test_a_corrected_file_mends_an_upload(folder: Path) -> None:
    app = hand_in(open_page("data"), ("bad.zip", zipped(**{"peaks.csv": PEAKS, "compounds.csv": "compound_id\n"})))
    assert app.error
    app.file_uploader[0].set_value([("compounds.csv", COMPOUNDS.encode(), "text/csv")]).run()
    click(app, "Check again")
    assert app.query_params["data"] == "bad"
    assert not app.error


def test_columns_of_other_names_are_asked_for_and_mapped(folder: Path) -> None:
    peaks = f"Row ID,row m/z,row retention time,Area,{HOSTILE.replace(',', '')}\n1,132.1019,120,5,x\n"
    app = hand_in(open_page("data"), ("features.csv", peaks.encode()), ("library.csv", COMPOUNDS.encode()))
    assert_only_text(app)
    token = list_uploads(folder)[0].token
    assert app.selectbox(key=f"{token} peaks.csv mz").value == "row m/z"
    app.selectbox(key=f"{token} peaks.csv intensity").set_value("Area")
    app.text_input(key=f"{token} peaks.csv species value").set_value("plasma")
    app.button_group(key=f"{token} peaks.csv rt_min unit row retention time").set_value("seconds").run()
    click(app, "Use these columns")
    assert app.query_params["data"] == "my dataset"
    dataset = list_sources(folder)[0].load()
    assert dataset.peaks[["peak_id", "species", "rt_min", "intensity"]].to_numpy().tolist() == [["1", "plasma", 2.0, 5]]


def test_tables_of_a_spreadsheet_with_decimal_commas_need_one_click_more(folder: Path) -> None:
    peaks = "Feature ID;m/z;RT [sec];Peak Area\n1;132,1019;120,0;5\n"
    library = f"HMDB ID;Metabolite;Molecular Formula\nile;{HOSTILE};C6H13NO2\n"
    app = hand_in(open_page("data"), ("features.csv", peaks.encode()), ("library.csv", library.encode()))
    assert "peaks.csv: semicolons between cells and decimal commas" in shown(app)
    assert_only_text(app)
    click(app, "Use these columns")
    assert app.query_params["data"] == "my dataset"
    dataset = list_sources(folder)[0].load()
    assert dataset.peaks[["peak_id", "species", "mz", "rt_min"]].to_numpy().tolist() == [["1", "all", 132.1019, 2.0]]
    assert dataset.compounds["name"].tolist() == [HOSTILE]


FEATURES = f"row ID,row m/z,row retention time,{HOSTILE}.mzML Peak area,blank_1.mzML Peak area\n1,132.1019,2.31,8,0\n"


def test_a_table_of_another_program_is_imported_once_its_questions_are_answered(folder: Path) -> None:
    app = open_page("data")
    files = [(f"{HOSTILE}.txt", FEATURES.encode()), ("compounds.csv", COMPOUNDS.encode())]
    app.file_uploader[0].set_value([(name, content, "text/csv") for name, content in files]).run()
    assert "a table of mzmine" in shown(app)
    assert "Say the species and the polarity of the table first." in app.warning[0].value
    assert_only_text(app)
    next(field for field in app.text_input if field.label == "Species").set_value(HOSTILE)
    next(group for group in app.button_group if str(group.key).endswith("polarity")).set_value("positive").run()
    next(group for group in app.button_group if str(group.key).endswith("unit")).set_value("seconds").run()
    click(app, "Check and add")
    assert app.query_params["data"] == "my dataset"
    assert_only_text(app)
    dataset = list_sources(folder)[0].load()
    assert dataset.peaks[["species", "polarity", "rt_min"]].to_numpy().tolist() == [[HOSTILE, "positive", 2.31 / 60]]
    assert dataset.injections["injection"].tolist() == [HOSTILE, "blank_1"]


def test_a_bad_cell_of_another_programs_table_is_listed_with_its_place(folder: Path) -> None:
    app = open_page("data")
    content = FEATURES.replace("132.1019", "many").encode()
    app.file_uploader[0].set_value([("features.csv", content, "text/csv")]).run()
    assert app.selectbox(key="table of features.csv new").value == "peaks with samples, mzmine"
    next(field for field in app.text_input if field.label == "Species").set_value("plasma")
    next(group for group in app.button_group if str(group.key).endswith("polarity")).set_value("positive").run()
    click(app, "Check and add")
    assert app.error[0].value == "These files cannot be taken."
    assert app.dataframe[-1].value[["file", "row", "column"]].to_numpy().tolist() == [["features.csv", 2, "row m/z"]]
    assert not list_uploads(folder)


def test_what_is_no_table_is_refused_before_it_is_kept(folder: Path) -> None:
    app = open_page("data")
    app.file_uploader[0].set_value([(f"{HOSTILE}.txt", b"nothing", "text/plain")]).run()
    assert "is no table that is known here" in app.warning[0].value
    assert_only_text(app)
    assert not [button for button in app.button if button.label == "Check and add"]


@pytest.mark.parametrize(
    "content",
    [b"no zip", zipped(**{"../../peaks.csv": PEAKS})],
    ids=["no zip", "out of its folder"],  # the bytes of a zip say when it was made
)
def test_a_hostile_zip_is_refused_in_words(folder: Path, content: bytes) -> None:
    app = hand_in(open_page("data"), ("evil.zip", content))
    assert app.error[0].value == "These files cannot be taken."
    assert "zip" in shown(app)
    assert not list_uploads(folder)


def test_a_folder_of_this_machine_is_checked_and_remembered(folder: Path, example_data: Path) -> None:
    app = open_page("data")
    app.text_input(key="folder").set_value(str(folder / "nowhere")).run()
    click(app, "Check and remember")
    assert "cannot be used: 1 problem" in app.error[0].value
    app.text_input(key="folder").set_value(str(example_data)).run()
    click(app, "Check and remember")
    assert app.query_params["data"] == "example"
    click(app, "Forget")
    assert [source.name for source in list_sources(folder)] == ["easy", "medium", "hard"]
    assert (example_data / "peaks.csv").exists()


def test_a_dataset_that_broke_since_lists_its_problems(folder: Path) -> None:
    add_dataset(folder)
    (folder / "datasets" / "study" / "peaks.csv").write_text("nonsense\n")
    app = open_page("data", data="study")
    assert app.error[0].value == "This dataset cannot be used any more."
    assert len(app.dataframe[0].value)
    app = open_page("new_run", data="study")
    assert app.button(key="launch").disabled
    assert "Choose a valid dataset" in shown(app)


def test_a_dataset_that_cannot_be_removed_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(output: Path, source: Source) -> None:
        raise InputError(f"{output}: cannot be written ({HOSTILE})")

    add_dataset(folder)
    monkeypatch.setattr("compassign.data.workspace.remove", refuse)
    app = open_page("data", data="study")
    click(app, "Delete")
    assert app.error[0].value == "The dataset could not be removed."
    assert_only_text(app)
    assert app.query_params["data"] == "study"


def test_the_form_launches_one_run_however_often_it_is_clicked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[Path] = []
    monkeypatch.setattr("pages.shared.launch.keep_watched", watched.append)
    add_dataset(folder)
    app = open_page("new_run", data="study")
    app.button_group(key="run_models").set_value(["lookup"]).run()
    app.text_input(key="run_title").set_value(HOSTILE).run()
    app.text_input(key="local_name").set_value(HOSTILE).run()
    assert {metric.label for metric in app.metric} == {"Time", "Memory", "Disk"}
    assert_only_text(app)
    launch = app.button(key="launch")
    launch.click().run()
    assert not app.exception
    (row,) = rows(folder)
    assert (row.title, row.model, row.owner, row.status) == (HOSTILE, "lookup", f"{HOSTILE} (unverified)", "queued")
    assert Path(row.config["data"]) == folder / "datasets" / "study"
    app.run()
    assert len(rows(folder)) == 1
    assert watched == [folder]


def test_a_form_starts_its_runs_once_and_the_next_form_its_own(folder: Path) -> None:
    configs = [RunConfig(model="lookup"), RunConfig(model="softmax")]
    started: dict[str, list[str]] = {}
    orders = [Order(form, folder, configs, "both", "ada") for form in ("first", "first", "second", "first")]
    assert [launch_once(order, started) for order in orders] == [""] * 4
    assert sorted(row.id for row in rows(folder)) == sorted([*started["first"], *started["second"]])
    assert sorted(row.title for row in rows(folder)) == ["both (lookup)", "both (lookup)", *["both (softmax)"] * 2]


def test_a_second_click_waits_for_the_ids_of_the_runs_of_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def slowly(store: RunStore, config: RunConfig, title: str, owner: str) -> RunRow:
        begun.set()
        assert may_go_on.wait(TIMEOUT_S)
        return enqueue(store, config, title, owner)

    monkeypatch.setattr("pages.shared.launch.enqueue", slowly)
    started: dict[str, list[str]] = {}
    order = Order("form", folder, [RunConfig(model="lookup")], "", "ada")
    seen: list[int] = []

    def click_again() -> None:
        assert launch_once(order, started) == ""
        seen.append(len(started["form"]))

    clicks = [threading.Thread(target=launch_once, args=(order, started)), threading.Thread(target=click_again)]
    clicks[0].start()
    assert begun.wait(TIMEOUT_S)
    clicks[1].start()
    clicks[1].join(0.2)  # long enough to go ahead, if nothing stopped it
    may_go_on.set()
    for thread in clicks:
        thread.join(TIMEOUT_S)
    assert seen == [1]
    assert len(rows(folder)) == 1


def test_what_is_launched_is_what_the_form_says_at_the_click(folder: Path) -> None:
    """A choice that the page has not been drawn with yet comes in together with the click."""
    app = open_page("new_run", data="easy")
    app.button_group(key="run_models").set_value(["lookup"])
    app.button_group(key="run_preset").set_value("thorough")
    app.button(key="launch").click().run()
    (row,) = rows(folder)
    assert (row.model, row.config["sampler"]["draws"]) == ("lookup", 2000)


def test_a_click_that_comes_with_the_last_model_taken_away_starts_nothing_and_the_next_one_does(folder: Path) -> None:
    app = open_page("new_run", data="easy")
    app.button_group(key="run_models").set_value([])
    app.button(key="launch").click().run()
    assert rows(folder) == []
    app.button_group(key="run_models").set_value(["lookup"]).run()
    app.button(key="launch").click().run()
    assert [row.model for row in rows(folder)] == ["lookup"]


def test_several_models_are_several_runs_and_are_linked_afterwards(folder: Path) -> None:
    app = open_page("new_run", data="easy")
    app.button_group(key="run_models").set_value(["lookup", "softmax"]).run()
    app.button_group(key="run_preset").set_value("quick").run()
    assert app.button(key="launch").label == "Launch 2 runs"
    app.button(key="launch").click().run()
    assert {row.model for row in rows(folder)} == {"lookup", "softmax"}
    assert all(row.config["sampler"]["quick"] for row in rows(folder))
    app.switch_page("pages/new_run.py").run()
    assert {row.id for row in rows(folder)} == {link.proto.label for link in app.get("page_link")}


@pytest.mark.parametrize("where", ["folder", "queue"])
def test_a_form_of_an_earlier_run_has_its_settings(folder: Path, lookup_folder: Path, where: str) -> None:
    if where == "folder":
        run_id = add_run(folder, "1-lookup", lookup_folder).name
        expected = "lookup"
    else:
        run_id = enqueue(RunStore.open(folder), RunConfig(model="softmax", seed=9, difficulty="hard")).id
        expected = "softmax"
    app = open_page("new_run", **{"from": run_id})
    assert app.button_group(key="run_models").value == [expected]
    assert app.selectbox(key="run_data").value == ("example" if where == "folder" else "hard")
    app.button(key="launch").click().run()
    newest = rows(folder)[0]
    assert newest.id != run_id
    assert newest.config["seed"] == (0 if where == "folder" else 9)


def test_an_unknown_earlier_run_leaves_the_usual_form() -> None:
    app = open_page("new_run", **{"from": HOSTILE})
    assert "usual ones" in app.error[0].value
    assert_only_text(app)
    assert not app.button(key="launch").disabled


def test_what_is_missing_or_wrong_is_said_beside_the_button(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("new_run", data=HOSTILE)
    assert_only_text(app)
    assert app.button(key="launch").disabled
    assert "Choose a dataset" in shown(app)
    app.selectbox(key="run_data").set_value("easy").run()
    assert app.query_params["data"] == "easy"
    assert not app.button(key="launch").disabled
    app.number_input(key="set alpha").set_value(2.0).run()
    assert "False-discovery rate, 0 to 1 = 2.0" in shown(app)
    assert app.button(key="launch").disabled
    app.number_input(key="set alpha").set_value(None).run()
    app.button_group(key="run_models").set_value([]).run()
    assert "at least one model" in shown(app)
    app.button_group(key="run_models").set_value(["lookup"]).run()
    assert not app.button(key="launch").disabled
    monkeypatch.setattr(cost, "WORKING_SPACE_MB", 10**12)
    app.run()
    assert app.button(key="launch").disabled
    assert "free some space" in shown(app)
    assert rows(folder) == []


def test_a_list_of_runs_that_cannot_be_written_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("new_run", data="easy")
    monkeypatch.setenv(URL_VARIABLE, "nonsense")
    app.button(key="launch").click().run()
    assert not app.exception
    assert "Not all could be started" in app.error[0].value
    monkeypatch.delenv(URL_VARIABLE)
    app.button(key="launch").click().run()
    assert len(rows(folder)) == 1


def test_settings_that_no_chosen_model_has_are_not_asked_for() -> None:
    app = open_page("new_run", data="easy")
    app.button_group(key="run_models").set_value(["lookup"]).run()
    keys = {field.key for field in app.number_input}
    assert "set mass_window_ppm" in keys
    assert not {"set unlisted_share", "set sampler.draws"} & keys
