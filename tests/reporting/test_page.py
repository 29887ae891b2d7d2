import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from hybridfer.audit.report import AuditReport, Duplicates, Group, NearDuplicates
from hybridfer.evaluation.calibration import Temperature
from hybridfer.evaluation.feature_run import Epoch
from hybridfer.evaluation.gallery import Gallery
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.subgroups import SubgroupScores
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.chosen_words import describe_chosen
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.page import render_page, write_page

IN_ORDER = [
    "table", "confusion", "per-class", "subgroups", "calibration", "selective", "training", "classes", "errors",
    "projection", "time", "audit", "repeat", "files",
]  # fmt: skip
ONE = {"compact": {"svm-linear": (0.09, 0.05), "svm-rbf": (0.20, 0.05)}}
HOSTILE = '<script>alert("1")</script>'


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, and the text of some."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in self._open:
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def complete(report: BenchmarkReport) -> BenchmarkReport:
    """Give a report every part that it can have."""
    rng = np.random.default_rng(1)
    counts = report.dataset.counts
    history = tuple(Epoch(i, 2 / i, 0.1 * i, 2.1 / i, 0.09 * i, 0.001, 5.0) for i in range(1, 6))
    runs = [
        replace(run, history=history, restored_epoch=4, trained_counts=counts["train"], projection_variance=(0.3, 0.2))
        for run in report.features
    ]
    rows = [
        replace(
            row,
            temperature=None if row.whole.calibration_error is None else Temperature(1.5, 0.08, 0.02),
            subgroups=(
                SubgroupScores("glasses", "yes", 40, 0.5, (0.4, 0.6)),
                SubgroupScores("glasses", "no", 60, 0.6, (0.5, 0.7)),
            ),
        )
        for row in report.rows
    ]
    table = report.predictions
    assert table is not None
    projections = {run.recipe: rng.normal(size=(len(table.labels), 2)).astype(np.float32) for run in runs}
    group = Group("exact", "2 identical images in train and test", ("a", "b"), ("train", "test"), ("fear", "sad"), (0, 1), 2)
    near = NearDuplicates("dHash", 4, 900, 12, 3, 7, 1, 0)
    audit = AuditReport(
        "fer2013.zip", 35_887, report.dataset.classes, counts, 16.5, Duplicates(5, 12, 7, 2, 1), near, 13, (), (group,)
    )
    predictions = replace(table, projections=projections)
    return replace(report, features=tuple(runs), rows=tuple(rows), audit=audit, predictions=predictions)


def gallery_of(report: BenchmarkReport) -> Gallery:
    images = np.random.default_rng(0).integers(0, 256, (len(report.predictions.labels), 48, 48), dtype=np.uint8)
    return Gallery.collect(report.predictions, report.rows, images, report.audit, images)


@pytest.fixture(scope="module")
def report(make_report) -> BenchmarkReport:
    return complete(make_report(n=700, n_twins=60, heads=ONE, warnings=("did not converge",)))


@pytest.fixture(scope="module")
def written(report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_page(report, folder, gallery_of(report))
    return folder


@pytest.fixture(scope="module")
def html(written) -> str:
    return (written / "report.html").read_text(encoding="utf-8")


def test_the_sections_answer_in_the_order_in_which_a_reader_asks(html):
    page = Page(html)
    assert [section["id"] for section in page.all("section")] == IN_ORDER
    links = [link["href"] for link in page.all("a")]
    assert links == ["#content", *(f"#{name}" for name in IN_ORDER)]


def test_the_verdict_comes_before_everything_else(html, report):
    assert report.verdict in Page(html).texts["header"][0].replace("\N{NO-BREAK SPACE}", " ")
    assert html.index('id="verdict"') < html.index("<nav")


@pytest.mark.parametrize("words", ["p = 0.030", "p < 0.001"])
def test_no_line_of_the_verdict_ends_within_a_p_value(report, words, monkeypatch):
    monkeypatch.setattr(BenchmarkReport, "verdict", f"svm beats softmax ({words}).")
    assert f"({words.replace(' ', chr(160)).replace('<', '&lt;')})" in render_page(report)


def test_what_validation_chose_stands_right_below_the_verdict(make_report):
    report = make_report(n=300, n_twins=30)
    html = render_page(report)
    header = html[html.index('id="verdict"') : html.index('class="byline"')]
    page = Page(header)
    # the verdict's element is cut open
    assert page.texts["p"][0].replace("\N{NO-BREAK SPACE}", " ") == describe_chosen(report)
    assert page.texts["th"][-2:] == ["compact (its own)", "model_f"]
    values = [cell["data-value"] for cell in page.all("td") if "data-value" in cell]
    assert values == [str(value) for one in report.chosen.comparisons for value in (one.points, one.p_holm)]


def test_a_single_softmax_needs_no_table_below_the_verdict(html, report):
    header = Page(html).texts["header"][0].replace("\N{NO-BREAK SPACE}", " ")
    assert describe_chosen(report) in header
    assert "<table" not in html[: html.index("</header>")]


def test_the_browser_is_told_to_run_this_script_and_style_alone(html):
    (policy,) = (meta["content"] for meta in Page(html).all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline(html):
    for tag, attributes in Page(html).elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)


def test_every_picture_says_what_is_seen(html):
    pictures = Page(html).all("img")
    figures = [picture["alt"] for picture in pictures if picture["src"].startswith("data:image/svg+xml")]
    faces = [picture["alt"] for picture in pictures if picture["src"].startswith("data:image/png")]
    assert len(figures) + len(faces) == len(pictures)
    assert all(re.search(r"\d", alt) for alt in figures)
    assert any("taken for" in alt for alt in faces)
    assert "b: sad, in test" in faces


def test_the_table_sorts_by_numbers_that_are_not_rounded(html, report):
    values = {float(cell["data-value"]) for cell in Page(html).all("td") if "data-value" in cell}
    assert {row.twin_free.accuracy for row in report.rows} <= values


def test_figures_are_files_for_papers_too(written, html):
    stems = [{path.stem for path in (written / "figures").glob(f"*.{kind}")} for kind in ("svg", "png")]
    assert stems[0] == stems[1]
    assert {"accuracy", "confusion-compact-difference", "training-compact-learning-rate", "errors-compact-softmax"} <= stems[
        0
    ]
    shown = html.count("data:image/svg+xml")
    assert shown == len([stem for stem in stems[0] if not stem.startswith("errors-")])


def test_the_same_report_is_the_same_page(html, report):
    assert render_page(report, gallery_of(report)) == html


def test_a_long_list_of_unreadable_files_is_cut_short_and_says_so(report):
    files = tuple(f"train/happy/{i}.jpg: is an empty file" for i in range(25))
    html = render_page(replace(report, audit=replace(report.audit, unreadable=files)))
    assert html.count("is an empty file") == 20
    assert "and 5 more, listed in report.json" in html


def test_names_of_strangers_are_text(make_report):
    report = make_report(n=200, n_twins=20, heads={HOSTILE: {"</style><img src=x onerror=alert(1)>": (0.2, 0.05)}})
    hostile = tuple(f"{HOSTILE} {name}" for name in report.dataset.classes)
    report = replace(
        report, command=f"hybridfer benchmark '{HOSTILE}'", dataset=replace(report.dataset, source=HOSTILE, classes=hostile)
    )
    html = render_page(complete(report))
    page = Page(html)
    assert len(page.all("script")) == 1
    assert html.count("<script>") == html.count("</script>") == 1
    assert html.count("</style>") == 1
    assert page.texts["h1"] == [HOSTILE]
    assert f"had one head to choose, </style><img src=x onerror=alert(1)> on {HOSTILE} (" in page.texts["header"][0]
    assert all(picture["src"].startswith("data:") for picture in page.all("img"))


def test_files_of_hostile_names_stay_in_the_folder_and_apart(make_report, tmp_path):
    heads = {name: {"svm": (0.2, 0.05)} for name in ("../../outside", ".. .. outside")}
    write_page(make_report(n=100, n_twins=10, heads=heads), tmp_path / "run")
    names = [path.name for path in (tmp_path / "run" / "figures").iterdir()]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted([*names, "report.html"])
    assert len([name for name in names if name.startswith("f1") and name.endswith(".svg")]) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name) for name in names)


def test_a_leak_stands_above_the_verdict(make_report):
    html = render_page(make_report(n=300, n_twins=30, heads=ONE, leak=Leak(images=80, twin_free=70)))
    assert html.index('class="warning"') < html.index('id="verdict"')
    assert "was trained on 70 of the twin-free test images" in html
    assert "trained on 70" not in html[html.index('id="verdict"') :]
    assert html.index("The leak bears on this too: validation chose ") > html.index('id="verdict"')


def test_twins_and_heads_are_explained_where_they_are_first_named(html, report):
    header = Page(html).texts["header"][0]
    assert "twin-free part" in report.verdict
    assert f"{report.dataset.twins} are twins: pixel by pixel the same as an image of train or validation" in header
    assert "classifiers fitted on the features of a CNN" in header


@pytest.fixture(scope="module")
def odd(make_report) -> BenchmarkReport:
    """A report with a class that validation lacks, a choice at the end of its grid, quick heads, and an earlier training.

    It says nothing of a head that validation chose.
    """
    report = make_report(n=200, heads=ONE)
    counts = {**report.dataset.counts, "validation": (0, *report.dataset.counts["validation"][1:])}
    changes = {
        "softmax": {},
        "svm-linear": {"predict_seconds": 0.004},
        "svm-rbf": {"predict_seconds": 0.0, "grid_ends": {"head__C": "largest"}},
    }
    told = {"training_seed": 7, "max_epochs": 60, "weights_origin": "earlier run", "leak": Leak(40, 0)}
    run = replace(report.features[0], **told)
    rows = tuple(replace(row, **changes[row.pipeline]) for row in report.rows)
    dataset = replace(report.dataset, counts=counts)
    return replace(report, features=(run,), rows=rows, dataset=dataset, predictions=None, chosen=None)


@pytest.fixture(scope="module")
def odd_html(odd) -> str:
    return render_page(odd)


def test_without_a_head_that_validation_chose_the_byline_follows_the_verdict(odd_html):
    assert odd_html[odd_html.index('id="verdict"') :].split("\n")[1].startswith('<p class="byline">')


def test_missing_classes_are_warned_of_above_the_verdict(odd_html):
    assert odd_html.index("Validation has no image of angry") < odd_html.index('id="verdict"')


def test_the_throughput_of_heads_is_that_of_the_markdown(odd, odd_html):
    text, section = render_markdown(odd), odd_html[odd_html.index('id="time"') : odd_html.index('id="repeat"')]
    assert re.search(r"\| svm-linear \| .* \| +0\.004 \| +50,000 \|\n", text)
    assert re.search(r"\| svm-rbf .* \| +0\.0 \| +- \|\n", text)
    assert 'data-value="50000.0">50,000<' in section
    assert 'data-value="0.004">0.004<' in section
    assert "softmax" not in section


def test_the_training_of_a_cnn_is_told_in_its_row(odd_html):
    page = Page(odd_html)
    cells = [re.sub(r"\s+", " ", text).strip() for text in page.texts["td"]]
    start = cells.index("4,474,759")
    assert cells[start + 3 : start + 7] == ["40 of 60", "7", "40 0 twin-free", "1,834.2 by an earlier run"]
    assert "training seed of compact" in page.texts["dt"]
    assert "parameters trainable" in [re.sub(r"\s+", " ", text).strip() for text in page.texts["th"]]


def test_a_choice_at_the_end_of_its_grid_is_told(odd_html):
    assert Page(odd_html).texts["td"].count("head__C = 10.0 is the largest of its grid") == 1


def test_letters_without_a_font_are_told_once(odd, caplog, recwarn):
    classes = ("\U00012000\U00012001", *odd.dataset.classes[1:])
    render_page(replace(odd, rows=odd.rows[:1], dataset=replace(odd.dataset, classes=classes)))
    assert [record.message.startswith("No font at hand has \U00012000 \U00012001: ") for record in caplog.records] == [True]
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_what_a_report_lacks_is_left_out(make_report):
    bare = replace(make_report(n=200, n_twins=0, heads=ONE), predictions=None)
    page = Page(render_page(bare))
    sections = [section["id"] for section in page.all("section")]
    assert not {"errors", "projection", "audit", "subgroups"} & set(sections)
    assert {"table", "confusion", "repeat"} <= set(sections)
    assert "holds no history" in page.texts["main"][0]


def test_a_report_without_heads_or_rows_is_a_page_too(make_report):
    report = make_report(n=100, n_twins=0, heads=ONE)
    softmax = replace(report, rows=tuple(row for row in report.rows if row.is_softmax))
    assert "softmax alone" in render_page(softmax)
    assert "Nothing was scored" in render_page(replace(report, rows=()))


def test_where_every_image_is_a_twin_the_whole_split_is_shown(make_report):
    html = render_page(make_report(n=120, n_twins=120, heads=ONE))
    assert "the test split (120 images)" in html


@pytest.mark.slow
def test_a_page_of_many_cnns_on_fer2013_stays_below_5_mb(make_report):
    heads = {f"cnn-{i}": {"svm-rbf": (0.2, 0.05), "forest": (0.1, 0.05)} for i in range(7)}
    report = complete(make_report(heads=heads))
    html = render_page(report, gallery_of(report))
    assert len(html.encode()) < 5_000_000
    assert "more are in figures/" in html
