"""Keeping and letting go, by API: legal holds, retention, erasures and their proof, exports."""
