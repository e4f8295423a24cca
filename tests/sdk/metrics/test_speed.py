import numpy as np

from densepose_mobile.metrics.speed import chance_picture, evaluator_seconds


def test_what_is_timed_is_worth_timing(atlas) -> None:
    result, picture = chance_picture(np.random.default_rng(0), 7, 10)
    assert len(result) == 10
    assert [len(person.points) for person in picture.people] == [100, 100, 100]
    boxes = result.boxes.tolist()
    assert all(person.box.tolist() in boxes for person in picture.people)
    seconds = evaluator_seconds(3, 5, atlas)
    assert set(seconds) == {"pictures", "summary"}
