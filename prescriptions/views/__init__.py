"""HTTP views outside of the REST API: thin shells around variants, intake and orders."""
