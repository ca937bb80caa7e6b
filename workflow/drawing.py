"""A circuit as a drawing: steps in layers from its beginning down, ways between them. Places only, in pixels; how it looks is the page's.

After Sugiyama, Tagawa and Toda (1981): ways that lead back are turned for the layering, long ones are led through each layer between, and
each layer is ordered by the middle of its neighbours, so that few ways cross.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workflow.circuit import Activity, Ask, Circuit, Consult, Decide, End, Form, Service, Wait, Write, ways_out

WIDTH, HEIGHT = 196, 56
GAP, DROP, MARGIN = 28, 64, 24
NARROW = 24
"""Width that a way takes where it passes a layer."""
SWEEPS = 6
LINE, LABEL = 24, 30
"""Signs of one line in a box, and of a way's label; longer ones are cut, and told whole in the list beside the drawing."""

KINDS: Mapping[type, str] = {
    Decide: "decision",
    Consult: "consulter",
    Form: "formulaire",
    Ask: "tache",
    Write: "courriel",
    Service: "service",
    Wait: "attendre",
    End: "fin",
}


@dataclass(frozen=True, slots=True)
class Box:
    name: str
    kind: str
    """The activity, by the word that files use."""
    title: str
    lines: tuple[str, ...]
    """The title in lines that fit."""
    x: float
    y: float
    """Upper left corner."""


@dataclass(frozen=True, slots=True)
class Way:
    source: str
    target: str
    label: str
    short: str
    path: str
    """SVG path data, from the source to the target."""
    x: float
    y: float
    """Middle of the label."""
    back: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    width: float
    height: float
    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]


def draw(circuit: Circuit) -> Drawing:
    """Every step and every way, the same for the same circuit."""
    edges = merged_ways(circuit.steps)
    layers_of = _layers(circuit.start, tuple(circuit.steps), edges)
    chains, layers = _chained(circuit.steps, edges, layers_of)
    _order(layers, chains)
    middles = _places(layers, chains, circuit.steps)
    low = min(middles[name] - _wide(name, circuit.steps) / 2 for name in middles)
    middles = {name: round(x - low + MARGIN, 1) for name, x in middles.items()}
    width = max(middles[name] + _wide(name, circuit.steps) / 2 for name in middles) + MARGIN
    rows = {name: at for at, layer in enumerate(layers) for name in layer}
    boxes = tuple(
        Box(name, KINDS[type(step)], step.title, _wrapped(step.title), middles[name] - WIDTH / 2, MARGIN + rows[name] * (HEIGHT + DROP))
        for name, step in circuit.steps.items()
    )
    ways = tuple(_way(chain, label, middles, rows, back=back, told=edges) for chain, label, back in chains)
    return Drawing(width, MARGIN * 2 + len(layers) * (HEIGHT + DROP) - DROP, boxes, ways)


Edges = dict[tuple[str, str], str]
Chain = tuple[tuple[str, ...], str, bool]


def merged_ways(steps: Mapping[str, Activity]) -> Edges:
    """Ways from one step to another as one, with every label."""
    found: Edges = {}
    for name, step in steps.items():
        for label, target in ways_out(step):
            before = found.get((name, target))
            found[name, target] = " ; ".join(part for part in (before, label) if part) if before is not None else label
    return found


def _layers(start: str, names: Sequence[str], edges: Edges) -> dict[str, int]:
    """The longest way from the start, ways that lead back left out."""
    forward = {edge for edge in edges if edge not in _back_ways(start, names, edges)}
    found = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for source, target in forward:
            if found[target] <= found[source]:
                found[target], moved = found[source] + 1, True
        if not moved:
            break
    return found


def _back_ways(start: str, names: Sequence[str], edges: Edges) -> set[tuple[str, str]]:
    """Ways to a step through which one came, found by going down from the start; without recursion, for a circuit may be long."""
    nexts: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        nexts[source].append(target)
    back: set[tuple[str, str]] = set()
    state: dict[str, int] = {}
    for first in (start, *names):
        if first not in state:
            state[first] = 1
            _descend(first, nexts, state, back)
    return back


def _descend(first: str, nexts: Mapping[str, list[str]], state: dict[str, int], back: set[tuple[str, str]]) -> None:
    """`state`: 1 on the way here, 2 done."""
    stack = [(first, iter(nexts[first]))]
    while stack:
        name, ahead = stack[-1]
        for target in ahead:
            if target not in state:
                state[target] = 1
                stack.append((target, iter(nexts[target])))
                break
            if state[target] == 1:
                back.add((name, target))
        else:
            state[name] = 2
            stack.pop()


def _chained(steps: Mapping[str, Activity], edges: Edges, layers_of: Mapping[str, int]) -> tuple[list[Chain], list[list[str]]]:
    """Each way as the places it goes through; names of places that are no step hold a line's end, which no step's name does."""
    layers: list[list[str]] = [[] for _ in range(max(layers_of.values()) + 1)]
    for name in steps:
        layers[layers_of[name]].append(name)
    chains: list[Chain] = []
    for (source, target), label in edges.items():
        first, last = layers_of[source], layers_of[target]
        back = last <= first
        low, high = (last, first) if back else (first, last)
        between = [f"{source}\n{target}\n{at}" for at in range(low + 1, high)]
        for at, name in enumerate(between, low + 1):
            layers[at].append(name)
        chains.append(((source, *(reversed(between) if back else between), target), label, back))
    return chains, layers


def _order(layers: list[list[str]], chains: Sequence[Chain]) -> None:
    near: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for chain, _, _ in chains:
        for one, other in pairwise(chain):
            near[one].append(other)
            near[other].append(one)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for at in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            beside = {name: place for place, name in enumerate(layers[at - 1 if down else at + 1])}
            own = {name: place for place, name in enumerate(layers[at])}

            def middle(name: str, beside: Mapping[str, int] = beside, own: Mapping[str, int] = own) -> tuple[float, int]:
                places = [beside[other] for other in near[name] if other in beside]
                return (sum(places) / len(places) if places else own[name], own[name])

            layers[at].sort(key=middle)


def _wide(name: str, steps: Mapping[str, Activity]) -> int:
    return WIDTH if name in steps else NARROW


def _places(layers: Sequence[Sequence[str]], chains: Sequence[Chain], steps: Mapping[str, Activity]) -> dict[str, float]:
    """Middle of each place: each layer is laid out in its order, as near to its neighbours above and below as it can be."""
    found: dict[str, float] = {}
    near: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for chain, _, _ in chains:
        for one, other in pairwise(chain):
            near[one].append(other)
            near[other].append(one)
    for layer in layers:
        edge = 0.0
        for name in layer:
            found[name] = edge + _wide(name, steps) / 2
            edge += _wide(name, steps) + GAP
        for name in layer:
            found[name] -= (edge - GAP) / 2
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else list(reversed(layers)):
            wanted = {name: sum(found[each] for each in near[name]) / len(near[name]) if near[name] else found[name] for name in layer}
            found |= _apart(layer, wanted, steps)
    return found


def _apart(layer: Sequence[str], wanted: Mapping[str, float], steps: Mapping[str, Activity]) -> dict[str, float]:
    """As near to what is wanted as the widths allow: the mean of pushing from the left and pushing from the right."""
    right: dict[str, float] = {}
    left: dict[str, float] = {}
    for order, sign, found in ((layer, 1, right), (list(reversed(layer)), -1, left)):
        before: str | None = None
        for name in order:
            place = wanted[name]
            if before is not None:
                space = (_wide(before, steps) + _wide(name, steps)) / 2 + GAP
                place = max(place, found[before] + space) if sign > 0 else min(place, found[before] - space)
            found[name], before = place, name
    return {name: (right[name] + left[name]) / 2 for name in layer}


def _way(chain: Sequence[str], label: str, middles: Mapping[str, float], rows: Mapping[str, int], *, back: bool, told: Edges) -> Way:
    source, target = chain[0], chain[-1]
    top = {name: 1.0 * MARGIN + rows[name] * (HEIGHT + DROP) for name in chain}
    ahead = [other for one, other in told if one == source]
    spread = _spread(ahead, source, target, middles)
    if source == target:
        x, y = middles[source] + WIDTH / 2, top[source] + HEIGHT / 2
        path = f"M{x:g} {y - 10:g} C{x + 26:g} {y - 14:g} {x + 26:g} {y + 14:g} {x:g} {y + 10:g}"
        return Way(source, target, label, _cut(label), path, x + 20, y, back)
    start = (middles[source] + spread, top[source] + (0 if back and rows[source] > rows[target] else HEIGHT))
    end_side = HEIGHT if rows[target] < rows[source] else 0
    end = (middles[target] + (WIDTH / 2 - 22 if back else 0), top[target] + end_side)
    points: list[tuple[float, float]] = [start]
    for name in chain[1:-1]:
        above, below = (middles[name], top[name] - DROP / 4), (middles[name], top[name] + HEIGHT + DROP / 4)
        points += [below, above] if back else [above, below]
    points.append(end)
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (y1 + y2) / 2
        path += f" C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
    at = 0.22 if back else 0.36 + 0.2 * (sorted(ahead, key=lambda name: middles[name]).index(target) % 2)
    x, y = _on_curve(points[0], points[1], at)
    return Way(source, target, label, _cut(label), path, x, y, back)


def _on_curve(one: tuple[float, float], other: tuple[float, float], at: float) -> tuple[float, float]:
    """A point of the curve that leaves and arrives upright, `at` between 0 and 1 (Bernstein's form)."""
    early = (1 - at) ** 3 + 3 * at * (1 - at) ** 2
    middle = 3 * at * (1 - at)
    x = one[0] * early + other[0] * (1 - early)
    y = one[1] * (1 - at) ** 3 + (one[1] + other[1]) / 2 * middle + other[1] * at**3
    return round(x, 1), round(y, 1)


def _spread(ahead: Sequence[str], source: str, target: str, middles: Mapping[str, float]) -> float:
    """Where on the lower side of its box a way begins: side by side, in the order in which the targets stand."""
    order = sorted(ahead, key=lambda name: middles[name])
    step = min(56.0, (WIDTH - 40) / max(len(order), 1))
    return (order.index(target) - (len(order) - 1) / 2) * step if source != target else 0.0


def _wrapped(title: str) -> tuple[str, ...]:
    lines: list[str] = []
    for word in title.split():
        if lines and len(lines[-1]) + len(word) < LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    cut = [*lines[:1], " ".join(lines[1:])] if len(lines) > 2 else lines
    return tuple(line if len(line) <= LINE + 2 else f"{line[: LINE + 1]}…" for line in cut)


def _cut(label: str) -> str:
    """Of one condition, what it asks; the value that it is about stands in the step."""
    if label.count(" : ") == 1 and " ; " not in label and ", " not in label:
        label = label.split(" : ")[1]
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
