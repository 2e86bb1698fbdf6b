"""The picture of rooms and imports, docs/images/architecture.svg, drawn from the code.

python -m tests.architecture
"""

from tests.sources import FLOORS, ROOT, arrows

PICTURE = ROOT / "docs/images/architecture.svg"
_WIDTH, _STEP, _BOX_HEIGHT, _CHARACTER = 1120, 84, 30, 8.2
# Imported from everywhere: their arrows would hide all others.
_LEFT_OUT = FLOORS[-1]


def kept_arrows() -> list[tuple[str, str]]:
    """The arrows that do not follow from others."""
    edges = {(here, there) for here, there in arrows() if there not in _LEFT_OUT}
    between = {room for edge in edges for room in edge}
    return [
        (here, there)
        for here, there in sorted(edges)
        if not any((here, room) in edges and reaches(room, there, edges) for room in between - {there})
    ]


def reaches(here: str, there: str, edges: set[tuple[str, str]]) -> bool:
    """Whether one or more arrows lead from a room to another."""
    return (here, there) in edges or any(a == here and reaches(b, there, edges) for a, b in edges)


def picture() -> str:
    """As SVG: a row per floor, and lines from a room down to what it imports."""
    boxes: dict[str, tuple[float, float, float]] = {}  # middle, top, width
    for number, floor in enumerate(FLOORS):
        widths = [_CHARACTER * len(room) + 22 for room in floor]
        gap = (_WIDTH - sum(widths)) / (len(floor) + 1)
        left = gap
        for room, width in zip(floor, widths, strict=True):
            boxes[room] = (left + width / 2, 16 + number * _STEP, width)
            left += width + gap
    height = 16 + (len(FLOORS) - 1) * _STEP + _BOX_HEIGHT + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="monospace" font-size="13">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#777"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for here, there in kept_arrows():
        (x1, y1, _), (x2, y2, _) = boxes[here], boxes[there]
        lines.append(
            f'<line x1="{x1:.0f}" y1="{y1 + _BOX_HEIGHT:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#999" '
            'marker-end="url(#tip)"/>'
        )
    for room, (middle, top, width) in boxes.items():
        lines.append(
            f'<rect x="{middle - width / 2:.0f}" y="{top}" width="{width:.0f}" height="{_BOX_HEIGHT}" rx="5" fill="#eef1fb" '
            'stroke="#3949ab"/>'
        )
        lines.append(f'<text x="{middle:.0f}" y="{top + 20}" text-anchor="middle" fill="#222">{room}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
