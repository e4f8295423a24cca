"""Losses of the student's detector and dense head, and of the teacher's cascade."""
