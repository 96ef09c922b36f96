"""What every part stands on: S3, Redis, logs, metrics, problems, middleware. Knows no row and no rule."""
