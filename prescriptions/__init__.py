"""The Django app: rows, rights, keys, HTTP and single-flight. It never decodes a pixel; `transforms` does."""
