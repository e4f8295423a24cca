"""What runs of a comparison are trained on, as the command line names it, and whether they may be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densepose_mobile.errors import InputError
from densepose_mobile.metrics import TruthPicture, read_coco
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.dense_labels import DenseIndex, file_hash
from densepose_mobile.train.engine.recipe import Recipe, load_recipe
from densepose_mobile.train.engine.release import describe_renders

__all__ = [
    "TrainingData",
    "annotated_data",
    "compared_data",
    "equal_plans",
    "named_entries",
    "refuse_seen",
    "rendered_data",
    "taught_data",
]


@dataclass(frozen=True)
class TrainingData:
    """What some runs are trained on: shards, annotated photos, or both; and by whom, if anybody teaches.

    recipe: of these runs alone, in place of the table's.
    """

    shards: Path | None = None
    photos: AnnotatedPhotos | None = None
    teacher: Path | None = None
    recipe: Path | None = None

    def describe(self) -> dict[str, Any]:
        """What the table says of it. Raises InputError where it is not there."""
        about: dict[str, Any] = {}
        if self.shards is not None:
            about["renders"] = describe_renders(self.shards)
        if self.photos is not None:
            about["annotations"] = file_hash(self.photos.annotations)
            if self.photos.dense is not None:
                index = DenseIndex.read(self.photos.dense)
                about["dense"] = {"made_by": index.made_by, "people": len(index.people), "agreement": index.agreement}
        if self.recipe is not None:
            about["recipe"] = load_recipe(self.recipe).name
        if self.teacher is not None:
            about["teacher"] = {"file": self.teacher.name, "sha256": file_hash(self.teacher)}
        return about


def rendered_data(entries: Sequence[str]) -> dict[str, TrainingData]:
    """Of entries NAME=FOLDER of shards. Raises InputError for what is written otherwise."""
    return {name: TrainingData(shards=Path(folder)) for name, folder in named_entries(entries, "NAME=FOLDER").items()}


def annotated_data(entries: Sequence[str]) -> dict[str, TrainingData]:
    """Of entries NAME=ANNOTATIONS:IMAGES or NAME=ANNOTATIONS:IMAGES:DENSE. Raises InputError otherwise."""
    layout = "NAME=ANNOTATIONS:IMAGES[:DENSE]"
    data: dict[str, TrainingData] = {}
    for name, value in named_entries(entries, layout).items():
        places = value.split(":")
        if len(places) not in (2, 3) or not all(places):
            raise InputError(f"{name}={value}: give it as {layout}")
        annotations, images, *dense = map(Path, places)
        data[name] = TrainingData(photos=AnnotatedPhotos(annotations, images, dense[0] if dense else None))
    return data


def taught_data(entries: Sequence[str], shards: Path) -> dict[str, TrainingData]:
    """Of entries NAME=RECIPE, NAME=RECIPE:TEACHER or NAME=RECIPE:TEACHER:ANNOTATIONS:IMAGES; no TEACHER is none.

    Raises InputError for what is written otherwise.
    """
    layout = "NAME=RECIPE[:TEACHER[:ANNOTATIONS:IMAGES]]"
    data: dict[str, TrainingData] = {}
    for name, value in named_entries(entries, layout).items():
        recipe, *places = value.split(":")
        if not recipe or len(places) not in (0, 1, 3) or not all(places[1:]):
            raise InputError(f"{name}={value}: give it as {layout}")
        teacher = Path(places[0]) if places and places[0] else None
        photos = AnnotatedPhotos(Path(places[1]), Path(places[2])) if places[1:] else None
        data[name] = TrainingData(shards, photos, teacher, Path(recipe))
    return data


def compared_data(data: Sequence[str], annotated: Sequence[str], run: Sequence[str]) -> dict[str, TrainingData]:
    """All that is named. Raises InputError for nothing, for a name that comes twice, for what cannot be compared."""
    rendered, photographed = rendered_data(data), annotated_data(annotated)
    if run:
        if len(rendered) != 1 or photographed:
            raise InputError(f"--run compares ways to teach on the shards of one --data, not of {len(data)}")
        (only,) = rendered.values()
        assert only.shards is not None
        return taught_data(run, only.shards)
    both = rendered.keys() & photographed.keys()
    if both or not (rendered or photographed):
        raise InputError(f"{', '.join(sorted(both)) or 'nothing'} is named: give each data a name of its own")
    return rendered | photographed


def equal_plans(kinds: Mapping[str, TrainingData], recipe: Path | None) -> dict[str, Recipe]:
    """The recipe of each. Raises InputError where one is missing, or runs would be of unequal length."""
    plans: dict[str, Recipe] = {}
    for name, own in kinds.items():
        path = own.recipe or recipe
        if path is None:
            raise InputError(f"{name} has no recipe: give one before the options, or compare with --run")
        plans[name] = load_recipe(path)
    lengths = {(plan.optimisation.max_steps, plan.batch.whole, plan.batch.crops) for plan in plans.values()}
    if len(lengths) > 1:
        raise InputError(f"runs of unequal length are not compared: steps, whole pictures, crops are {sorted(lengths)}")
    return plans


def refuse_seen(kinds: Mapping[str, TrainingData], pictures: Sequence[TruthPicture], images: Path) -> None:
    """Raise InputError when a photo that is measured is one that some run is trained on."""
    measured = {picture.file_name for picture in pictures}
    for name, own in kinds.items():
        if own.photos is not None and own.photos.images.resolve() == images.resolve():
            seen = measured.intersection(picture.file_name for picture in read_coco(own.photos.annotations).pictures)
            if seen:
                raise InputError(f"{name} is trained on {len(seen)} of the measured photos, such as {min(seen)}")


def named_entries(entries: Sequence[str], layout: str) -> dict[str, str]:
    """What stands behind NAME= in each entry. Raises InputError for another form, or a name that comes twice."""
    named = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    if len(named) != len(entries):
        raise InputError(f"{' '.join(entries)}: give each as {layout}, every name once")
    return named
