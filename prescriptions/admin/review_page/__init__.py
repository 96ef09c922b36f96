"""The pharmacist's page: one review, looked at and decided. What is allowed is decided in `prescriptions.review`."""
