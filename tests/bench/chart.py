"""Two kinds of chart as SVG text: bars, one a peer, and lines over a logarithmic axis."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_COLOURS = ("#c0392b", "#2471a3", "#7f8c8d", "#b7950b", "#1e8449", "#6c3483", "#117a65")
_WIDTH = 820
_FONT = 'font-family="sans-serif" font-size="13"'


def _page(height: float, title: str, body: Sequence[str]) -> str:
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}" {_FONT}>',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="16" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
            *body,
            "</svg>\n",
        )
    )


def bars(title: str, values: Mapping[str, float], form: str = ".1f") -> str:
    """A horizontal bar for each name, from zero, in the order given."""
    longest = max(values.values(), default=0.0) or 1.0
    body = []
    for row, (name, value) in enumerate(values.items()):
        top = 44 + 30 * row
        width = 480 * value / longest
        colour = _COLOURS[0] if row == 0 else _COLOURS[2]
        body += [
            f'<text x="170" y="{top + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="180" y="{top}" width="{width:.1f}" height="22" fill="{colour}"/>',
            f'<text x="{186 + width:.1f}" y="{top + 16}">{value:{form}}</text>',
        ]
    return _page(56 + 30 * len(values), title, body)


def lines(
    title: str, axis: str, values: Mapping[str, Sequence[tuple[float, float]]], form: str = ".1f"
) -> str:
    """A line for each name through its points (x, y): x logarithmic, y from zero."""
    points = [point for line in values.values() for point in line]
    if not points:
        return _page(60, title, ())
    left, right = (math.log10(f(x for x, _ in points)) for f in (min, max))
    highest = max(y for _, y in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return 70 + 500 * (math.log10(x) - left) / ((right - left) or 1.0), 300 - 240 * y / highest

    body = ['<path d="M70 52V300H580" fill="none" stroke="black"/>']
    body += [
        f'<text x="{place(x, 0)[0]:.1f}" y="318" text-anchor="middle">{x:g}</text>'
        for x in sorted({x for x, _ in points})
    ]
    body += [
        f'<text x="62" y="{place(1, y)[1] + 4:.1f}" text-anchor="end">{y:{form}}</text>'
        for y in (highest, highest / 2)
    ]
    body.append(f'<text x="325" y="340" text-anchor="middle">{escape(axis)}</text>')
    for number, (name, line) in enumerate(values.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        body += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<text x="592" y="{64 + 20 * number}" fill="{colour}">{escape(name)}</text>',
        ]
    return _page(356, title, body)
