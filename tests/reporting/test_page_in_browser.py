"""The page in a real browser: nothing goes wrong in it, nothing leaves it, and it can be used by keyboard and on a phone."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridfer import make_faces, run_benchmark
from hybridfer.evaluation.gallery import Gallery
from hybridfer.recipes import FeatureRecipe
from hybridfer.reporting.page import write_page

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="needs Debian's chromium and chromium-driver"),
]
HEADING = "table.sortable thead th"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of a benchmark of drawn faces, one of whose classes has a hostile name."""
    faces = make_faces(420, random_state=0)
    faces = replace(faces, classes=("<img src=x onerror=alert(1)>", *faces.classes[1:]))
    quick = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 2})
    report = run_benchmark(faces, quick, ("logistic", "forest", "knn"), search="off", verbose=0)
    test = faces.split("test")
    gallery = Gallery.collect(report.predictions, report.rows, test.images, report.audit, faces.images)
    return write_page(report, tmp_path_factory.mktemp("page"), gallery)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page):
    """The page, just opened on a wide light screen."""
    show(browser, width=1400)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())
    return browser


def show(browser, width: int, scheme: str = "light") -> None:
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def photograph(browser, box) -> np.ndarray:
    """Take a picture of a box without its content, when all that was changed has been painted."""
    browser.execute_async_script(
        """
        arguments[0].scrollIntoView({block: "center", behavior: "instant"});
        arguments[0].firstElementChild.style.visibility = "hidden";
        requestAnimationFrame(() => requestAnimationFrame(arguments[1]));
        """,
        box,
    )
    # the first picture after a change may still be of what was there before
    pictures = [cv2.imdecode(np.frombuffer(box.screenshot_as_png, dtype=np.uint8), cv2.IMREAD_COLOR) for _ in range(2)]
    return pictures[-1].astype(float)


def first_column(browser) -> list[str]:
    return [cell.text for cell in browser.find_elements("css selector", "#table tbody th")]


def heading(browser, title: str):
    (found,) = (th for th in browser.find_elements("css selector", f"#table {HEADING}") if th.text.startswith(title))
    return found


def accuracies(browser) -> list[float]:
    cells = browser.find_elements("css selector", "#table tbody td:nth-child(2)")
    return [float(cell.get_attribute("data-value")) for cell in cells]


def test_nothing_is_said_on_the_console(opened):
    assert opened.get_log("browser") == []
    assert len(opened.find_elements("tag name", "section")) > 8


def test_no_request_leaves_the_page(opened, page):
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {
        message["params"]["request"]["url"].partition(",")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert page.as_uri() in asked
    assert {address for address in asked if not address.startswith("data:")} == {page.as_uri()}


def test_the_policy_of_the_page_holds(opened):
    blocked = opened.execute_async_script(
        """
        const done = arguments[0], seen = [];
        document.addEventListener("securitypolicyviolation", (event) => seen.push(event.violatedDirective));
        const image = new Image(); image.src = "http://127.0.0.1:9/x.png";
        document.body.setAttribute("onclick", "0");
        setTimeout(() => done(seen), 300);
        """
    )
    assert "img-src" in blocked


def test_every_picture_is_shown(opened):
    opened.execute_script("for (const image of document.images) image.loading = 'eager'")
    assert opened.execute_script("return [...document.images].filter((i) => !i.complete || !i.naturalWidth).length") == 0


def test_a_click_on_a_heading_sorts_and_another_turns_the_order(opened):
    before = first_column(opened)
    heading(opened, "accuracy").find_element("tag name", "button").click()
    assert heading(opened, "accuracy").get_attribute("aria-sort") == "descending"
    assert accuracies(opened) == sorted(accuracies(opened), reverse=True)
    heading(opened, "accuracy").find_element("tag name", "button").click()
    assert heading(opened, "accuracy").get_attribute("aria-sort") == "ascending"
    assert accuracies(opened) == sorted(accuracies(opened))
    assert heading(opened, "pipeline").get_attribute("aria-sort") == "none"
    assert sorted(first_column(opened)) == sorted(before)


def test_the_table_is_sorted_by_keyboard_alone(opened):
    opened.execute_script("arguments[0].focus()", heading(opened, "pipeline").find_element("tag name", "button"))
    opened.switch_to.active_element.send_keys("\ue007")
    assert heading(opened, "pipeline").get_attribute("aria-sort") == "ascending"
    assert first_column(opened) == sorted(first_column(opened))
    opened.switch_to.active_element.send_keys(" ")
    assert heading(opened, "pipeline").get_attribute("aria-sort") == "descending"
    assert first_column(opened) == sorted(first_column(opened), reverse=True)


def test_the_first_stop_of_the_tab_key_skips_to_the_content(opened):
    opened.find_element("tag name", "body").send_keys("\ue004")
    assert opened.switch_to.active_element.get_attribute("href").endswith("#content")
    assert opened.execute_script("return document.activeElement.getBoundingClientRect().top") >= 0


def test_cells_without_a_number_stay_last(opened):
    def last() -> str:
        return first_column(opened)[-1]

    button = heading(opened, "vs softmax").find_element("tag name", "button")
    button.click()
    assert last() == "softmax"
    button.click()
    assert last() == "softmax"


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_nothing_but_tables_scrolls_sideways(opened, width):
    show(opened, width)
    wide, screen = opened.execute_script("return [document.scrollingElement.scrollWidth, window.innerWidth]")
    assert wide <= screen == width


def test_a_wide_table_scrolls_in_its_own_box_on_a_phone(opened):
    show(opened, 390)
    box = opened.find_element("css selector", "#table .scroll")
    inside, outside = opened.execute_script("return [arguments[0].scrollWidth, arguments[0].clientWidth]", box)
    assert inside > outside
    assert box.get_attribute("tabindex") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_shadow_says_that_a_table_goes_on_and_is_gone_at_its_end(opened, scheme):
    show(opened, 390, scheme)
    box = opened.find_element("css selector", "#table .scroll")

    def edge_against_middle() -> float:
        image = photograph(opened, box)
        return float(image[10:-10, -4:].mean() - image[10:-10, -90:-80].mean())

    before = edge_against_middle()
    assert before < -20 if scheme == "light" else before > 20
    opened.execute_script("arguments[0].scrollLeft = arguments[0].scrollWidth", box)
    assert abs(edge_against_middle()) < 1


def test_a_table_that_fits_has_no_shadow(opened):
    show(opened, 1400)
    boxes = opened.find_elements("css selector", ".scroll")
    fits = opened.execute_script("return arguments[0].filter((box) => box.scrollWidth <= box.clientWidth)", boxes)
    # a box of a broken height ends within a row of pixels
    image = photograph(opened, fits[0])[:-1]
    assert image.min() == image.max() == 255


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(opened, scheme):
    show(opened, 1400, scheme)
    ink, paper = (
        np.array(opened.execute_script(f"return getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)"))
        for name in ("color", "backgroundColor")
    )
    assert (ink.mean() < paper.mean()) == (scheme == "light")
    assert contrast(ink, paper) > 10
    muted = opened.execute_script(
        "return getComputedStyle(document.querySelector('figcaption')).color.match(/\\d+/g).map(Number)"
    )
    assert contrast(np.array(muted), paper) > 4.5


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """The contrast of two sRGB colours as WCAG 2.2 defines it."""

    def luminance(colour: np.ndarray) -> float:
        share = colour[:3] / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
