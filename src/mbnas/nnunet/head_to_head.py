"""nnU-Net's own 2D network and a found one, both trained by nnU-Net on a study's folds.

Same cases, same preprocessed data, same folds, same schedule, same trainer, and nnU-Net's
own predictions of each validation fold. What is done already is told by the files that are
there, so the same call goes on where the last one ended.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 3.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbnas.data.datasets.dataset import Dataset
from mbnas.data.datasets.folds import Fold
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import NNUNetError
from mbnas.machine.files import is_temporary, write_text, writing
from mbnas.machine.processes import ProgressCallback
from mbnas.nnunet.commands import Place, run_command
from mbnas.nnunet.plans import CONFIGURATION, OWN_PLANS, export_nnunet, plans_name, read_plans
from mbnas.nnunet.raw_dataset import lacks_images, splits, write_raw
from mbnas.nnunet.schedule import Schedule
from mbnas.space.genotype import Genotype
from mbnas.study.lock import LOCK_NAME

_FACTS = "study.json"
_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_latest.pth", "checkpoint_best.pth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The folder of nnU-Net's training of one network on one fold.

    Attributes:
        plans: Name of the network's plans.
        fold: Number of the fold, from 0.
        folder: Folder of checkpoints, logs and validation.
    """

    plans: str
    fold: int
    folder: Path

    @property
    def validation(self) -> Path:
        """Predictions of the fold's validation patients."""
        return self.folder / "validation"

    @property
    def held_out(self) -> Path:
        """Predictions of held-out patients."""
        return self.folder / "held_out"

    @property
    def is_validated(self) -> bool:
        """Whether training and validation have ended: nnU-Net writes the summary last."""
        return (self.validation / "summary.json").is_file()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadToHead:
    """A head-to-head comparison of a found network with nnU-Net's own.

    Attributes:
        place: The folders that nnU-Net works in.
        dataset: The study's dataset; ``None`` if no images are needed any more.
        prepared: The study's slices, with the patient of each case.
        folds: All folds of the study.
        chosen: Numbers of the folds to train on, from 0.
        genotype: The found network.
        base_channels: Channels of its level 0.
        schedule: Schedule of both trainings.
    """

    place: Place
    dataset: Dataset | None
    prepared: PreparedSlices
    folds: tuple[Fold, ...]
    chosen: tuple[int, ...]
    genotype: Genotype
    base_channels: int
    schedule: Schedule

    def check_place(self) -> None:
        """Check that the folder is new, empty or that of a head-to-head comparison.

        Raises:
            NNUNetError: if it has other files, as a study has.
        """
        root = self.place.root
        names = {each.name for each in root.iterdir()} if root.is_dir() else set()
        foreign = sorted(name for name in names - {LOCK_NAME} if not is_temporary(name))
        if foreign and _FACTS not in names:
            raise NNUNetError(
                f"{root} has other files (such as {foreign[0]}): name a new or an empty directory "
                "for nnU-Net."
            )

    def run(self, tell: Callable[[str], None], progress: ProgressCallback | None = None) -> None:
        """Run the remaining steps: convert, plan, preprocess, train, predict.

        Args:
            tell: Called with a message before each step.
            progress: Called after each converted case.

        Raises:
            NNUNetError: if a command of nnU-Net fails, or the folder belongs to another study.
        """
        self._claim()
        if self.dataset is not None:
            write_raw(self.dataset, self.prepared, self.place.raw, progress)
        if not self._is_preprocessed():
            tell("nnU-Net plans and preprocesses.")
            self._preprocess()
        text = json.dumps(splits(self.folds, self.prepared), indent=1)
        write_text(self.place.preprocessed / "splits_final.json", text + "\n")
        export_nnunet(
            self.genotype, base_channels=self.base_channels, dataset=self.place.preprocessed
        )
        for fold in self.chosen:
            for name in (OWN_PLANS, self.found_plans):
                self._train(self.trained(name, fold), tell)

    @property
    def needs_images(self) -> bool:
        """Whether images still have to be converted, preprocessed or predicted."""
        if not lacks_images(self.place.raw):
            return False
        if not self.place.raw.is_dir() or not self._is_preprocessed():
            return True
        return (self.place.raw / "imagesTs").is_dir() and not all(
            self.trained(name, fold).held_out.is_dir()
            for fold in self.chosen
            for name in (OWN_PLANS, self.found_plans)
        )

    @property
    def found_plans(self) -> str:
        """Name of the plans with the found network."""
        return plans_name(self.genotype, self.base_channels)

    def plans(self, name: str) -> dict[str, Any]:
        """Return the plans of one of the two networks, which must exist."""
        return read_plans(self.place.preprocessed / f"{name}.json")

    def trained(self, name: str, fold: int) -> Trained:
        """Return nnU-Net's training of a network on a fold, by the name of its plans."""
        kind = f"{self.schedule.trainer}__{name}__{CONFIGURATION}"
        return Trained(plans=name, fold=fold, folder=self.place.results / kind / f"fold_{fold}")

    def _claim(self) -> None:
        """Record the study that the folder belongs to; raise if it belongs to another one."""
        facts = {
            "data": self.prepared.digest,
            "dataset": self.place.dataset,
            "folds": splits(self.folds, self.prepared),
        }
        path = self.place.root / _FACTS
        if not path.exists():
            write_text(path, json.dumps(facts, indent=1) + "\n")
        elif json.loads(path.read_bytes()) != facts:
            raise NNUNetError(
                f"{self.place.root} holds the comparison of another study, or of this one with "
                "other folds or data: name a new directory."
            )

    def _is_preprocessed(self) -> bool:
        """Whether all cases are preprocessed; nnU-Net writes the properties of a case last."""
        path = self.place.preprocessed / f"{OWN_PLANS}.json"
        if not path.exists():
            return False
        folder = read_plans(path)["configurations"][CONFIGURATION]["data_identifier"]
        return all(
            (self.place.preprocessed / folder / f"{volume.case}.pkl").exists()
            for volume in self.prepared.volumes
            if not volume.held_out
        )

    def _preprocess(self) -> None:
        processes = str(self.place.processes)
        run_command(
            self.place,
            "nnUNetv2_plan_and_preprocess",
            *("-d", self.place.dataset.removeprefix("Dataset")[:3]),
            *("-c", CONFIGURATION, "-np", processes, "-npfp", processes),
            "--verify_dataset_integrity",
            log="preprocessing",
        )

    def _train(self, training: Trained, tell: Callable[[str], None]) -> None:
        """Train a network on a fold and predict with it, unless that is done."""
        name, fold = training.plans, training.fold
        log = f"{self.schedule.trainer}__{name}__fold_{fold}"
        common = ("-tr", self.schedule.trainer, "-p", name, "-device", self._kind)
        if not training.is_validated:
            tell(f"nnU-Net trains {name} on fold {fold}, {self.schedule.epochs} epochs.")
            where = (self.place.dataset, CONFIGURATION, str(fold))
            has_checkpoint = any((training.folder / each).exists() for each in _CHECKPOINTS)
            try:
                more = ["--c"] if has_checkpoint else []
                run_command(self.place, "nnUNetv2_train", *where, *common, *more, log=log)
            except NNUNetError as error:
                if not has_checkpoint:
                    raise
                raise NNUNetError(
                    f"{error} It continued from a checkpoint: if that is damaged, remove "
                    f"{training.folder}."
                ) from error
        if (self.place.raw / "imagesTs").is_dir() and not training.held_out.is_dir():
            tell(f"nnU-Net predicts held-out patients by {name} of fold {fold}.")
            self._predict(training, common, log)

    def _predict(self, training: Trained, common: tuple[str, ...], log: str) -> None:
        aside = training.folder / ".held_out.partial"
        run_command(
            self.place,
            "nnUNetv2_predict",
            *("-i", str(self.place.raw / "imagesTs"), "-o", str(aside)),
            *("-d", self.place.dataset, "-c", CONFIGURATION, "-f", str(training.fold), *common),
            *("-npp", "1", "-nps", "1", "--disable_progress_bar"),
            log=log,
        )
        with writing(training.held_out):
            aside.rename(training.held_out)

    @property
    def _kind(self) -> str:
        return self.place.device.partition(":")[0]
