"""Networks: the mobile student."""
