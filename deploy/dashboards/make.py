"""The Grafana dashboard, from code: `python make.py > stylecast.json` in this folder.

Its rows are in the order of the runbook's questions: is anything stuck, what comes in and goes
out, where does the time go, what do shoppers get. Import the JSON and choose a Prometheus.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

SOURCE = DataSourceRef(type_val="prometheus", uid="${prometheus}")


@dataclass(frozen=True)
class Graph:
    """A graph over time; `queries` are PromQL and the name of each line."""

    title: str
    what: str
    unit: str
    queries: Sequence[tuple[str, str]]


def rates(metric: str, *labels: str, where: str = "") -> tuple[str, str]:
    """A counter's rate, a line for each value of the labels."""
    query = f"sum by ({', '.join(labels)}) (rate({metric}{where}[$__rate_interval]))"
    return query, " ".join(f"{{{{{label}}}}}" for label in labels)


def quantile(metric: str, share: float) -> tuple[str, str]:
    """A histogram's quantile, a line a worker."""
    buckets = f"sum by (le, worker) (rate({metric}_bucket[$__rate_interval]))"
    return f"histogram_quantile({share}, {buckets})", f"{{{{worker}}}} p{share * 100:.0f}"


ROWS: dict[str, Sequence[Graph]] = {
    "Is anything stuck?": (
        Graph(
            "Status",
            "Burrow's words, one line a group; runbook: StylecastStuck, StylecastLagGrowing",
            "none",
            [
                ('stylecast_group_status{status!="OK"} == 1', "{{consumergroup}} {{status}}"),
                ("stylecast_broker_up == 0", "Kafka is away"),
                ("stylecast_ready == 0", "{{job}} {{instance}} not ready"),
            ],
        ),
        Graph(
            "Lag",
            "Records that wait, by group",
            "short",
            [("sum by (consumergroup) (kafka_consumergroup_lag_sum)", "{{consumergroup}}")],
        ),
        Graph(
            "Age of the oldest record that waits",
            "From the record's own timestamp",
            "s",
            [("kafka_consumergroup_group_max_lag_seconds", "{{group}}")],
        ),
        Graph(
            "Until caught up",
            "At the rate of the last looks; no line where the lag does not fall",
            "s",
            [("stylecast_group_drain_seconds", "{{consumergroup}}")],
        ),
    ),
    "What comes in and goes out": (
        Graph(
            "Records consumed",
            "By worker and topic",
            "ops",
            [rates("stylecast_records_consumed_total", "worker", "topic")],
        ),
        Graph(
            "Records committed",
            "By worker and topic",
            "ops",
            [rates("stylecast_records_produced_total", "worker", "topic")],
        ),
        Graph(
            "Transactions that were not committed",
            "aborted: the batch comes again; fenced: another instance took over",
            "ops",
            [
                rates(
                    "stylecast_transactions_total",
                    "worker",
                    "outcome",
                    where='{outcome!="committed"}',
                )
            ],
        ),
        Graph(
            "Dead letters",
            "Set aside in the last ten minutes; runbook: StylecastDeadLetters",
            "short",
            [
                (
                    "sum by (topic, error) (increase(stylecast_dead_letters_total[10m]))",
                    "{{topic}} {{error}}",
                )
            ],
        ),
    ),
    "Where the time goes": (
        Graph(
            "Age of events when their results are committed",
            "Objective: 99 of 100 batches of feedback within a second",
            "s",
            [quantile("stylecast_event_age_seconds", share) for share in (0.5, 0.99)],
        ),
        Graph(
            "Share of the time, by stage",
            "process holds draw, decode, apply, recommend and encode; 1 is one busy instance",
            "percentunit",
            [rates("stylecast_batch_seconds_sum", "worker", "stage")],
        ),
    ),
    "What shoppers get": (
        Graph(
            "Renders",
            "Published and rejected, by style",
            "ops",
            [rates("stylecast_renders_total", "style", "outcome")],
        ),
        Graph(
            "Why the gate rejects",
            "The figure that failed; runbook: StylecastGateRejects",
            "ops",
            [rates("stylecast_renders_total", "reason", where='{outcome="rejected"}')],
        ),
        Graph(
            "Age of the factors in use",
            "By instance; runbook: StylecastFactorsStale",
            "s",
            [("time() - (stylecast_factors_made_timestamp_seconds > 0)", "{{job}} {{instance}}")],
        ),
        Graph(
            "Refits",
            "announced, worse than their parent, or nothing to fit; and factors that were refused",
            "short",
            [
                ("sum by (outcome) (increase(stylecast_refits_total[1h]))", "{{outcome}}"),
                ("sum(increase(stylecast_factors_rejected_total[1h]))", "refused"),
            ],
        ),
        Graph(
            "Factor versions in use",
            "Two at once: some instances have not taken up the newer one yet",
            "short",
            [("count by (version) (stylecast_factors_version)", "{{version}}")],
        ),
    ),
}


def panel(graph: Graph) -> timeseries.Panel:
    """A graph as Grafana's panel."""
    built = (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.what)
        .unit(graph.unit)
        .min(0)
        .datasource(SOURCE)
        .span(12)
        .height(8)
    )
    for query, legend in graph.queries:
        built = built.with_target(
            prometheus.Dataquery().expr(query).legend_format(legend).datasource(SOURCE)
        )
    return built


def main() -> None:
    """Print the dashboard."""
    built = (
        dashboard.Dashboard("Stylecast")
        .uid("stylecast")
        .tags(["stylecast", "generated"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(
            dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus")
        )
    )
    for title, graphs in ROWS.items():
        built = built.with_row(dashboard.Row(title))
        for graph in graphs:
            built = built.with_panel(panel(graph))
    print(JSONEncoder(sort_keys=True, indent=2).encode(built.build()))


if __name__ == "__main__":
    sys.exit(main())
