"""Fair shares: who asks, the line that each lane of workers takes from, and how much one of them may have open."""
