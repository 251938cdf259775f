"""Lessons: folders of data, one for each, in the order of the course."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

from durascope.course.grading import Grading
from durascope.course.questions import Question
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario

COURSE: Final = "Durable execution by breaking things"


class UnknownLesson(ValueError):
    """A lesson that does not exist; its text says which ones do."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One idea: something to read, a scenario to watch, a question to answer first, an exercise."""

    number: int
    slug: str
    folder: Traversable

    @property
    def title(self) -> str:
        return self.text.partition("\n")[0].removeprefix("# ")

    @property
    def text(self) -> str:
        """Markdown: a title, the idea, what to look for, and the exercise."""
        return self._read("lesson.md")

    @property
    def parts(self) -> tuple[str, str]:
        """The idea, and what the exercise asks for."""
        idea, _, exercise = self.text.partition("## Exercise\n")
        return idea.strip(), exercise.strip()

    @property
    def scenario(self) -> Scenario:
        """What the lesson shows."""
        return parse_scenario(self._read("scenario.yaml"), f"{self.slug}/scenario.yaml")

    @property
    def question(self) -> Question:
        return Question.model_validate(self._data("question.yaml"))

    @property
    def exercise(self) -> Scenario:
        return parse_scenario(self.exercise_text, f"{self.slug}/exercise.yaml")

    @property
    def exercise_text(self) -> str:
        """The exercise as the learner gets it, comments included."""
        return self._read("exercise.yaml")

    @property
    def scenario_text(self) -> str:
        return self._read("scenario.yaml")

    @property
    def solution_text(self) -> str:
        """One right answer, with comments that say why."""
        return self._read("solution.yaml")

    @property
    def grading(self) -> Grading:
        return Grading.model_validate(self._data("grading.yaml"))

    def _read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def _data(self, name: str) -> dict[str, Any]:
        return yaml.safe_load(self._read(name))


@cache
def lessons() -> tuple[Lesson, ...]:
    """All lessons, in the order of the course; a folder is called `NN-name`."""
    folders = (resources.files("durascope.course") / "lessons").iterdir()
    found = (folder for folder in folders if folder.is_dir() and folder.name[:2].isdigit())
    return tuple(Lesson(int(each.name[:2]), each.name[3:], each) for each in sorted(found, key=lambda each: each.name))


def lesson(number: int) -> Lesson:
    """The lesson with this number, counted from 1. Raises `UnknownLesson`."""
    found = next((each for each in lessons() if each.number == number), None)
    if found is None:
        raise UnknownLesson(f"there is no lesson {number}; the lessons are 1 to {len(lessons())}")
    return found
