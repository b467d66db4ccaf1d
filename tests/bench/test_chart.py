"""The charts are well-formed SVG and show the given values."""

from xml.etree import ElementTree

import pytest

from tests.bench.chart import bars, lines

_SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{_SVG}text")]


def test_bars_are_in_proportion():
    svg = bars("Cost & effect", {"us": 1.0, "<them>": 4.0})
    assert texts(svg) == ["Cost & effect", "us", "1.0", "<them>", "4.0"]
    widths = [float(e.get("width")) for e in ElementTree.fromstring(svg).iter(f"{_SVG}rect") if e.get("y")]
    assert widths[1] == pytest.approx(4 * widths[0])


@pytest.mark.parametrize("values", [{}, {"us": 0.0}])
def test_a_bar_chart_may_be_empty(values):
    assert texts(bars("Nothing", values))[0] == "Nothing"


def test_lines_go_left_to_right_on_a_logarithmic_axis():
    svg = lines("Growth", "clients", {"us": [(10, 1.0), (100, 2.0), (1000, 4.0)]})
    assert {"10", "100", "1000", "clients", "us"} <= set(texts(svg))
    (line,) = ElementTree.fromstring(svg).iter(f"{_SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    (x1, y1), (x2, _), (x3, y3) = points
    assert x2 - x1 == pytest.approx(x3 - x2)
    assert y3 < y1, "more is higher"


@pytest.mark.parametrize("values", [{}, {"us": []}, {"us": [(10, 0.0)]}])
def test_a_line_chart_may_be_empty_or_have_one_point(values):
    assert texts(lines("Growth", "x", values))[0] == "Growth"
