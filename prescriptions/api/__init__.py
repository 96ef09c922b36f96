"""REST API v1: one module per concept. Answers carry stored forms, so that what they link to is a hit at the edge."""
