"""What a customer does and is told once the prescription is sent."""
