"""A comparison as plain values for other programs: JSON, and rows of CSV.

The keys are stable; ``docs/json.md`` describes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mbnas.results.compared_network import ComparedNetwork
from mbnas.results.comparison import Comparison
from mbnas.results.metric_summaries import METRICS, Counts, Metric, MetricSummaries, Quantity
from mbnas.scoring.claims import conclusion
from mbnas.scoring.differences import Difference
from mbnas.scoring.intervals import Interval
from mbnas.scoring.paired_tests import PairedTest

Row = dict[str, Any]


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values."""
    return {
        "classes": list(comparison.class_names),
        "folds": comparison.num_folds,
        "initialisations": comparison.num_initialisations,
        "patients": comparison.num_patients,
        "held_out_patients": comparison.num_held_out,
        "slice_size": comparison.slice_size,
        "length_unit": comparison.unit,
        "networks": [_network(each, comparison.class_names) for each in comparison.networks],
        "decided_on": "held out" if comparison.is_held_out else "folds",
        "basis": comparison.basis,
        "differences": list(difference_rows(comparison)),
        "claims": list(comparison.claims),
        "cautions": list(comparison.cautions),
        "paper_tests": _paper_tests(comparison),
        "optimism": comparison.optimism,
    }


def metric_rows(network: ComparedNetwork, class_names: tuple[str, ...]) -> Iterator[Row]:
    """Yield a row for each set of patients, metric and class, and for the mean of all classes."""
    for patients, summaries in (("folds", network.validation), ("held out", network.held_out)):
        if summaries is None:
            continue
        for metric in METRICS:
            yield from _rows_of_metric(patients, summaries, metric, class_names)


def patient_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield a row for each network, training, volume and class."""
    for network in comparison.networks:
        for record in network.trainings:
            for volume in record.volumes:
                for name, metrics in zip(comparison.class_names, volume.measures, strict=True):
                    yield {
                        "network": network.name,
                        "initialisation": record.key.initialisation,
                        "fold": record.key.fold,
                        "patient": volume.patient,
                        "case": volume.case,
                        "held_out": volume.held_out,
                        "class": name,
                        **asdict(metrics),
                    }


def difference_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield a row for each pair of networks: the conclusion and the numbers behind it."""
    names = comparison.tested_names
    for each in comparison.differences:
        yield _difference(each, names[each.first], names[each.second])


def _difference(difference: Difference, first: str, second: str) -> Row:
    return {
        "first": first,
        "second": second,
        "conclusion": conclusion(difference, first, second),
        "unit": "patient",
        "patients": difference.num_patients,
        "mean_difference": difference.mean,
        **_ends(difference.interval),
        "p": difference.p,
        "p_adjusted": difference.p_adjusted,
        "smallest_p": difference.smallest_p,
        "comparisons": difference.num_comparisons,
        "wins": difference.wins,
        "ties": difference.ties,
        "losses": difference.losses,
        "method": "all sign flips" if difference.is_exact else "random sign flips",
    }


def _rows_of_metric(
    patients: str, summaries: MetricSummaries, metric: Metric, class_names: tuple[str, ...]
) -> Iterator[Row]:
    summary = summaries.metrics[metric]
    classes: list[tuple[str | None, Quantity, Counts]] = [(None, summary.overall, summaries.total)]
    classes += zip(class_names, summary.per_class, summaries.counts, strict=True)
    for name, quantity, counts in classes:
        yield {
            "patients": patients,
            "metric": metric,
            "class": name,
            **_quantity(quantity),
            "values": counts.num_values,
            "undefined": counts.num_undefined,
            "missed": counts.num_missed,
        }


def _quantity(quantity: Quantity) -> Row:
    return {"mean": quantity.mean, "sd": quantity.sd, **_ends(quantity.interval)}


def _ends(interval: Interval | None) -> Row:
    return {"low": interval and interval.low, "high": interval and interval.high}


def _network(network: ComparedNetwork, class_names: tuple[str, ...]) -> Row:
    return {
        "name": network.name,
        "network": network.architecture,
        "search_score": network.search_score.mean,
        "search_score_sd": network.search_score.sd,
        "measures": list(metric_rows(network, class_names)),
        "parameters": network.parameters,
        "multiply_accumulates": network.macs,
        "multiply_accumulates_32": network.macs_32,
        "latency_ms": network.latency_ms,
        "training_s": network.training_s,
        "error": network.error,
        "trainings": [
            {
                "fold": record.key.fold,
                "initialisation": record.key.initialisation,
                "search_score": record.score,
                "dice": dice,
                "error": record.error,
            }
            for record, dice in zip(network.trainings, network.dice, strict=True)
        ],
    }


def _paper_tests(comparison: Comparison) -> Row:
    names = comparison.tested_names
    return {
        "unit": "block",
        "networks": list(names),
        "blocks": len(comparison.blocks),
        "friedman": comparison.friedman and _friedman(comparison),
        "pairs": [_block_pair(pair, names) for pair in comparison.block_pairs],
    }


def _friedman(comparison: Comparison) -> Row:
    assert comparison.friedman is not None
    found = asdict(comparison.friedman)
    return {
        "average_ranks": list(found["average_ranks"]),
        "critical_difference": comparison.critical_difference,
        **{key: found[key] for key in ("chi2", "chi2_p", "f", "f_p")},
    }


def _block_pair(pair: PairedTest, names: tuple[str, ...]) -> Row:
    paired = pair.paired
    return {
        "first": names[pair.first],
        "second": names[pair.second],
        "mean_difference": paired.mean_difference,
        "median_difference": paired.median_difference,
        "wins": paired.wins,
        "ties": paired.ties,
        "losses": paired.losses,
        "statistic": paired.statistic,
        "effect": paired.effect,
        "p": paired.p,
        "p_holm": pair.p_holm,
        "method": paired.method,
    }
