import random
from datetime import UTC, datetime

import pytest

from mbnas.genotype.genotype import Genotype, Node
from mbnas.report.summary import EvaluationSummary, FoldScore, SearchSummary

BLOCKS = ("vgg", "residual", "dense", "inception", "swin", "x")


def draw_genotype(rng: random.Random) -> Genotype:
    """Return any genotype: one to thirty nodes, up to six levels, foreign blocks too."""
    nodes: list[Node] = []
    num_levels, num_nodes = rng.randint(1, 6), rng.randint(1, 30)
    for number in range(1, num_nodes + 1):
        before = nodes[-1].level if nodes else 0
        sources = [j for j in range(1, number - 1) if nodes[j - 1].level == before]
        nodes.append(
            Node(
                level=min(max(before + rng.choice((-1, 0, 1)), 0), num_levels - 1),
                block=rng.choice(BLOCKS),
                kernel=rng.choice((1, 3, 5, 7, 11)),
                skip=rng.choice([None, *sources]),
            )
        )
    return Genotype(nodes=tuple(nodes))


@pytest.fixture(params=range(40))
def any_genotype(request) -> Genotype:
    return draw_genotype(random.Random(request.param))


def make_evaluation(number: int, score: float | None = 0.8, **fields: object) -> EvaluationSummary:
    """Return an evaluation of a small network whose trainings lie around its score."""
    genotype = Genotype.parse(f"0vgg3-1dense{2 * number + 1}-0vgg3")
    trainings = tuple(
        FoldScore(
            fold=fold,
            initialisation=1,
            score=None if score is None else score + 0.01 * (fold - 2),
            error="The loss was not finite." if score is None else None,
        )
        for fold in (1, 2, 3)
    )
    values: dict[str, object] = {
        "number": number,
        "genotype": str(genotype),
        "digest": genotype.digest,
        "why": f"start {number}",
        "score": score,
        "trainings": trainings,
        "parameters": 7_763_041,
        "macs": 12_100_000_000,
        "wall_s": 75.0,
    }
    return EvaluationSummary(**(values | fields))


def make_study(*evaluations: EvaluationSummary, **fields: object) -> SearchSummary:
    """Return a running study of 20 evaluations at most."""
    values: dict[str, object] = {
        "study_name": "first study",
        "dataset_name": "Task04_Hippocampus",
        "class_names": ("anterior", "posterior"),
        "state": "running",
        "updated_at": datetime(2026, 3, 1, 14, 5, tzinfo=UTC),
        "space_text": "mixed, 10 nodes",
        "searcher": "local search",
        "protocol_name": "quick",
        "budget": 20,
        "evaluations": evaluations,
        "configuration_toml": "seed = 7\n",
        "versions": {"torch": "2.15.0"},
    }
    return SearchSummary(**(values | fields))


@pytest.fixture
def evaluation():
    return make_evaluation


@pytest.fixture
def study():
    return make_study
