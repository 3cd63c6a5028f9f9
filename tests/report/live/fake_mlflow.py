"""MLflow as far as a log uses it, with the signatures and the rules of the real package.

Source: mlflow.org, Python API of ``mlflow.client`` and ``mlflow.entities``.
"""

import posixpath
import re
import types
from dataclasses import dataclass, field


@dataclass
class Metric:
    key: str
    value: float
    timestamp: int
    step: int

    def __post_init__(self):
        assert re.fullmatch(r"[/\w.\- ]+", self.key)
        assert posixpath.normpath(self.key) == self.key


@dataclass
class Param:
    key: str
    value: str

    def __post_init__(self):
        assert len(self.value) <= 6000


@dataclass
class Run:
    info: types.SimpleNamespace
    data: types.SimpleNamespace
    history: list = field(default_factory=list)


class Page(list):
    token = None


class FakeMlflow(types.ModuleType):
    """The module, and the store of runs: all clients of it see the same.

    Attributes:
        addresses: Of all clients; ``None`` for the one that is set.
        experiments: Identifiers by name.
        runs: All that were not deleted.
    """

    def __init__(self, *, is_set=False):
        super().__init__("mlflow")
        self.is_set = is_set
        self.entities = types.ModuleType("mlflow.entities")
        self.entities.Metric, self.entities.Param = Metric, Param
        self.addresses, self.artifacts, self.experiments, self.runs = [], [], {}, {}
        self.MlflowClient = lambda tracking_uri=None: Client(self, tracking_uri)

    def is_tracking_uri_set(self):
        return self.is_set


class Client:
    def __init__(self, store, tracking_uri):
        self._store = store
        store.addresses.append(tracking_uri)

    def get_experiment_by_name(self, name):
        found = self._store.experiments.get(name)
        return None if found is None else types.SimpleNamespace(experiment_id=found)

    def create_experiment(self, name, artifact_location=None, tags=None):
        assert name not in self._store.experiments
        self._store.artifacts.append(artifact_location)
        self._store.experiments[name] = str(len(self._store.experiments) + 1)
        return self._store.experiments[name]

    def create_run(self, experiment_id, start_time=None, tags=None, run_name=None):
        assert all(isinstance(value, str) for value in tags.values())
        info = types.SimpleNamespace(
            experiment_id=experiment_id,
            run_id=f"run{len(self._store.runs)}x{id(tags)}",
            run_name=run_name,
            status="RUNNING",
            start_time=start_time,
            end_time=None,
        )
        data = types.SimpleNamespace(tags=dict(tags), params={})
        self._store.runs[info.run_id] = Run(info, data)
        return self._store.runs[info.run_id]

    def search_runs(
        self, experiment_ids, filter_string="", run_view_type=1, max_results=1000, page_token=None
    ):
        key, value = re.fullmatch(r"tags\.`([\w.]+)` = '(\w+)'", filter_string).groups()
        found = [
            run
            for run in self._store.runs.values()
            if run.info.experiment_id in experiment_ids and run.data.tags.get(key) == value
        ]
        first = int(page_token or 0)
        page = Page(found[first : first + 2])  # a server may return fewer than asked for
        page.token = str(first + 2) if first + 2 < len(found) else None
        return page

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        assert len(metrics) <= 1000
        run = self._store.runs[run_id]
        run.history += metrics
        run.data.params |= {each.key: each.value for each in params}

    def get_metric_history(self, run_id, key):
        return [each for each in self._store.runs[run_id].history if each.key == key]

    def set_terminated(self, run_id, status=None, end_time=None):
        info = self._store.runs[run_id].info
        info.status, info.end_time = status, end_time

    def update_run(self, run_id, status=None, name=None):
        self._store.runs[run_id].info.status = status

    def delete_run(self, run_id):
        del self._store.runs[run_id]
