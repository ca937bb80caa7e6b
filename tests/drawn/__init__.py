"""Drawn invoices: invented, seeded, exact in their arithmetic, to learn from and to measure with. No real paper was copied."""
