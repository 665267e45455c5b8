"""The page in a real browser."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

FORM = "/ecommerce/mlinference"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with its driver on this machine")

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
)


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER, log_output=os.devnull))
    # A click returns before the next page has come.
    driver.implicitly_wait(30)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[webdriver.Chrome]:
    # The driver listens on this machine: a proxy of the environment has no part in it.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with browser(tmp_path / "profile") as driver:
        yield driver


def fill_in(driver: webdriver.Chrome, **fields: str) -> None:
    for name, value in fields.items():
        driver.find_element(By.NAME, name).send_keys(value)
    driver.find_element(By.ID, "predict").click()


def test_a_visitor_fills_in_the_form_and_reads_0_775(chromium: webdriver.Chrome, real_webapp: str) -> None:
    chromium.get(real_webapp)

    fill_in(chromium, bounces="0", time_on_site="7363")

    assert "with probability 0.775" in chromium.find_element(By.ID, "answer").text
    assert chromium.find_element(By.NAME, "time_on_site").get_attribute("value") == "7363"
    assert chromium.get_log("browser") == []


def test_a_visitor_reads_what_is_wrong_and_where(chromium: webdriver.Chrome, real_webapp: str) -> None:
    chromium.get(real_webapp)

    fill_in(chromium, bounces="many", time_on_site="7363")

    assert "field bounces" in chromium.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert chromium.find_element(By.NAME, "bounces").get_attribute("aria-invalid") == "true"
    assert chromium.find_element(By.NAME, "bounces").get_attribute("value") == "many"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_a_phone_in_either_theme(chromium: webdriver.Chrome, real_webapp: str, theme: str) -> None:
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    feature = {"name": "prefers-color-scheme", "value": theme}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    chromium.get(real_webapp)
    fill_in(chromium, bounces="0", time_on_site="7363")
    chromium.find_element(By.TAG_NAME, "summary").click()

    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 360
    body = chromium.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    assert (sum(map(int, body[body.index("(") + 1 :].split(",")[:3])) > 382) == (theme == "light")


def test_every_control_has_a_label(chromium: webdriver.Chrome, real_webapp: str) -> None:
    chromium.get(real_webapp)

    controls = chromium.find_elements(By.CSS_SELECTOR, "input, select, textarea, button")

    assert len(controls) >= 7
    assert [control.get_attribute("outerHTML") for control in controls if not control.accessible_name] == []
