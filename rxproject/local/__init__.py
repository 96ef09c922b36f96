"""One machine only, never in the image: the whole stack on loopback, a local API Gateway, the demo and its samples."""
