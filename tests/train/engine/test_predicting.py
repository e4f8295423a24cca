import numpy as np
import torch

from densepose_mobile.options import Options
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.engine.predicting import network_predictor
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.teacher.network import Teacher
from densepose_mobile.train.models.teacher.spec import TeacherSpec

DESIGN = TeacherSpec(
    backbone="mobilenet_v2_1.75", fpn_channels=8, decoder_channels=8, head="conv8", head_width=8, head_convs=1,
    cascade=0, box_width=8, roi_size=8, map_size=16, input_size=64, crop_size=96,
)  # fmt: skip
SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8)


def test_the_sdk_predicts_with_a_student_in_torch() -> None:
    torch.manual_seed(0)
    student = Student(SPEC, head_width=8).eval()
    with torch.no_grad():
        student.detector.score[-1].bias.fill_(3.0)  # everything is a person
        student.dense_head.outputs["foreground"].bias.fill_(3.0)
    picture = np.random.default_rng(0).integers(0, 256, (48, 80, 3)).astype(np.uint8)
    for mode in ("fast", "accurate"):
        result = network_predictor(student, Options(score=0.4)).predict(picture, mode=mode)
        assert (result.height, result.width) == (48, 80)
        assert len(result) >= 1
        assert set(np.unique(result[0].part)) <= set(range(25))


def test_the_sdk_predicts_with_a_teacher_in_torch() -> None:
    torch.manual_seed(0)
    teacher = Teacher(DESIGN).eval()
    with torch.no_grad():
        teacher.cascade.stages[0].predictor.deconv.bias[1] = 3.0  # everything is a person
    picture = np.random.default_rng(0).integers(0, 256, (48, 80, 3)).astype(np.uint8)
    result = network_predictor(teacher, Options(score=0.05, presence=0.0, max_people=3)).predict(
        picture, mode="accurate"
    )
    assert len(result) >= 1
    assert set(np.unique(result[0].part)) <= set(range(25))
