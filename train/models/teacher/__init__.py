"""The teacher: a full DensePose-RCNN with a multi-task cascade."""
