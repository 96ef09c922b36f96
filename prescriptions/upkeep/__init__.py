"""What keeps the house in order: erasure, reconciling rows with objects, reviews that time has overtaken."""
