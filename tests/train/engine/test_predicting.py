import numpy as np
import torch

from densepose_mobile.options import Options
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.engine.predicting import student_predictor
from densepose_mobile.train.models.student import Student

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8)


def test_the_sdk_predicts_with_a_student_in_torch() -> None:
    torch.manual_seed(0)
    student = Student(SPEC, head_width=8).eval()
    with torch.no_grad():
        for head in student.detector.score:
            head.bias.fill_(3.0)  # everything is a person
        student.dense_head.outputs["foreground"].bias.fill_(3.0)
    picture = np.random.default_rng(0).integers(0, 256, (48, 80, 3)).astype(np.uint8)
    for mode in ("fast", "accurate"):
        result = student_predictor(student, Options(score=0.4)).predict(picture, mode=mode)
        assert (result.height, result.width) == (48, 80)
        assert len(result) >= 1
        assert set(np.unique(result[0].part)) <= set(range(25))
