"""Cells of decision tables as expressions of rule-engine, which decides what a test holds for.

Nobody writes an expression of rule-engine: we do, and its tree may hold those kinds of node only that a comparison needs.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from rule_engine import Context, DataType, EngineError, Rule, type_resolver_from_dict
from rule_engine.ast import base, literal
from rule_engine.ast.binary import comparison
from rule_engine.ast.expression import control, resolution

from workflow.unary import Point, Regions, Span, UnaryTest, regions_of
from workflow.vocabulary import ORDERED, Kind, Value, Variable

_TYPES: dict[Kind, DataType] = {
    Kind.TEXT: DataType.STRING,
    Kind.NUMBER: DataType.FLOAT,
    Kind.WHOLE: DataType.FLOAT,
    Kind.AMOUNT: DataType.FLOAT,
    Kind.DATE: DataType.DATETIME,
    Kind.YES_NO: DataType.BOOLEAN,
    Kind.CHOICE: DataType.STRING,
}
NODES: frozenset[type] = frozenset(
    {
        base.Statement,
        comparison.LogicExpression,
        comparison.ComparisonExpression,
        comparison.ArithmeticComparisonExpression,
        control.UnaryExpression,
        resolution.SymbolExpression,
        literal.FloatExpression,
        literal.StringExpression,
        literal.BooleanExpression,
        literal.DatetimeExpression,
        literal.NullExpression,
    }
)
"""All that a cell needs. No regular expression (it can hang), function, attribute, item, comprehension, arithmetic or variable."""


class BarredExpression(Exception):
    """A cell became an expression that is none of a cell: our mistake, never the user's, and nothing is evaluated."""


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, date):
        return f'd"{value.isoformat()}"'
    if value is None:
        return "null"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def expression(test: UnaryTest) -> str:
    """The test as an expression over the one symbol `v`, a value that is not empty, or null."""
    if test.always:
        return "true"
    filled = [_written(part) for part in test.parts if not (isinstance(part, Point) and part.value is None)]
    empty = any(isinstance(part, Point) and part.value is None for part in test.parts)
    either = " or ".join(filled) or "false"
    if test.negated:
        return f"(v != null) and (not ({either}))"
    return f"(v == null) or ({either})" if empty else f"(v != null) and ({either})"


def _written(part: Span | Point) -> str:
    if isinstance(part, Point):
        return f"(v == {_literal(part.value)})"
    low = f"(v {'>=' if part.low_in else '>'} {_literal(part.low)})" if part.low is not None else ""
    high = f"(v {'<=' if part.high_in else '<'} {_literal(part.high)})" if part.high is not None else ""
    return f"({' and '.join(end for end in (low, high) if end)})"


def compiled(variable: Variable, test: UnaryTest) -> Rule:
    """The cell as a rule of rule-engine over {"v": value}. Raises BarredExpression for a tree of any other nodes than NODES."""
    rule = Rule(expression(test), _context(variable.kind))
    for node in _nodes(rule.statement):
        if type(node) not in NODES or (isinstance(node, resolution.SymbolExpression) and (node.name != "v" or node.scope is not None)):
            raise BarredExpression(type(node).__name__)
    return rule


@lru_cache
def _context(kind: Kind) -> Context:
    return Context(type_resolver=type_resolver_from_dict({"v": _TYPES[kind]}), resolver=_looked_up, default_timezone="utc")


def _looked_up(thing: Mapping[str, Any], name: str) -> Any:
    return thing[name]


def _nodes(node: Any) -> list[Any]:
    """Every node of a tree, by the slots that hold further ones."""
    found = [node]
    for kind in type(node).__mro__:
        slots = getattr(kind, "__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            inner = getattr(node, slot, None)
            for each in inner if isinstance(inner, tuple | list) else (inner,):
                if isinstance(each, base.ASTNodeBase):
                    found += _nodes(each)
    return found


def matches(rule: Rule, value: Value) -> bool:
    try:
        return bool(rule.matches({"v": Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value}))
    except EngineError as error:
        raise BarredExpression(str(error)) from error


def mask_of(regions: Regions, test: UnaryTest) -> int:
    """The regions for which a test holds, as bits. rule-engine is asked once for each region that the test itself makes."""
    if test.always:
        return regions.valid
    rule = compiled(regions.variable, test)
    own = regions_of(regions.variable, [test])
    mask = 0
    for at, sample in enumerate(own.samples):
        if own.valid >> at & 1 and matches(rule, sample):
            mask |= _within(regions, own, at)
    return mask & regions.valid


def _within(regions: Regions, own: Regions, at: int) -> int:
    """The regions of a column that make up one region of one of its tests."""
    if regions.variable.kind not in ORDERED:
        if at != len(own.cuts):
            return 1 << regions.of(own.samples[at])
        others = sum(1 << n for n, cut in enumerate(regions.cuts) if cut not in own.cuts)
        return others | 1 << len(regions.cuts)
    if at % 2 or own.samples[at] is None:
        return 1 << regions.of(own.samples[at])
    first = regions.of(own.cuts[at // 2 - 1]) + 1 if at else 0
    last = regions.of(own.cuts[at // 2]) if at // 2 < len(own.cuts) else 2 * len(regions.cuts) + 1
    return (1 << last) - (1 << first)
