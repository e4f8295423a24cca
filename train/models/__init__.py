"""Networks: the mobile student, and the teacher that it learns from."""
