"""What an expression of Prometheus asks for: the metrics, the labels that it matches and those that it groups by."""

import dataclasses

import promql_parser


@dataclasses.dataclass(frozen=True)
class Asked:
    """The parts of one expression.

    Attributes:
      labels_of: metric name to the labels that its selectors match.
      grouped_by: labels that aggregations keep.
      counters: names below `rate`, `increase` or `resets`, without `_bucket`, `_sum` and `_count`.
    """

    labels_of: dict[str, set[str]]
    grouped_by: set[str]
    counters: set[str]


def asked(expression: str) -> Asked:
    """Parses an expression; what Grafana puts in for its variables is put in."""
    found = Asked({}, set(), set())
    tree = promql_parser.parse(expression.replace("$__rate_interval", "1m"))

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.labels_of.setdefault(node.name, set()).update(matcher.name for matcher in node.matchers.matchers)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.counters.add(node.vector_selector.name)
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            found.grouped_by.update(node.modifier.labels)

    promql_parser.walk(tree, visit)
    return found
