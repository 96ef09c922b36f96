"""The Lambda function. The only wing that knows S3; nothing here may need a package that the zip lacks."""
