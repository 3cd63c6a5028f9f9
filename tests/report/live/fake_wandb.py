"""W&B as far as a log uses it, with the signatures and the rules of the real package.

Sources: docs.wandb.ai, reference of ``wandb.init``, ``login`` and ``Run``; "Resume a run".
"""

import types


class FakeWandb(types.ModuleType):
    """The module, and the server that runs are sent to.

    Attributes:
        server: Each run by its identifier.
        kept: Runs of which nothing was sent, in the order begun.
        begun: What ``init`` was called with.
        is_down: Whether what is logged does not arrive.
    """

    def __init__(self, *, mode="online", has_key=True):
        super().__init__("wandb")
        self.mode, self.has_key = mode, has_key
        self.server, self.kept, self.begun = {}, [], []
        self.is_down = False

    def Settings(  # noqa: N802
        self,
        *,
        silent=False,
        console="auto",
        disable_code=False,
        disable_git=False,
        x_disable_stats=False,
        finish_timeout=0.0,
        finish_timeout_raises=False,
    ):
        return types.SimpleNamespace(**{k: v for k, v in locals().items() if k != "self"})

    def setup(self, settings=None):
        assert settings.silent  # nothing is printed into the display of a search
        return types.SimpleNamespace(settings=types.SimpleNamespace(mode=self.mode))

    def login(self, key=None, *, verify=True, prompt=True):
        assert not prompt  # nobody can answer
        assert not verify
        return self.has_key

    def init(
        self,
        entity=None,
        project=None,
        dir=None,  # noqa: A002
        id=None,  # noqa: A002
        name=None,
        config=None,
        group=None,
        job_type=None,
        mode=None,
        resume=None,
        reinit=None,
        settings=None,
    ):
        assert len(id) <= 128
        assert not set(id + project) & set(r"/\#?%:")
        assert (resume, reinit, settings.console) == ("allow", "create_new", "off")
        self.begun.append({k: v for k, v in locals().items() if k not in ("self", "settings")})
        run = FakeRun(self, name, config)
        if mode == "online":
            if id in self.server:
                run = self.server[id]
                run.step = max((step for step, _ in run.history), default=-1) + 1
            self.server[id] = run
        elif mode == "offline":
            self.kept.append((id, run))
        return run

    def sync(self):
        """Send what was kept, as ``wandb sync`` does: a later run replaces an earlier one."""
        self.server.update(self.kept)


class FakeRun:
    def __init__(self, wandb, name, config):
        self.name, self.config, self.summary = name, config, {}
        self.step, self.history, self.exit_code = 0, [], None
        self._wandb = wandb

    def log(self, data, step=None):
        assert step >= self.step, "W&B drops this with a warning"
        self.step = step
        self.history.append((step, data))

    def finish(self, exit_code=0):
        if self._wandb.is_down:
            raise TimeoutError("The run was not sent.")
        self.exit_code = exit_code
