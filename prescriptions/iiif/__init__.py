"""IIIF Image and Presentation addresses, as Django answers them: redirects, info.json, manifests, the miss path."""
