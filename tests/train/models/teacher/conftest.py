import pytest
import torch

from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.spec import TeacherSpec

from ...conftest import TINY_TEACHER


@pytest.fixture(scope="session")
def tiny_design() -> TeacherSpec:
    return TINY_TEACHER


@pytest.fixture(scope="module")
def teacher(tiny_design: TeacherSpec) -> Teacher:
    torch.manual_seed(0)
    return Teacher(tiny_design).eval()
