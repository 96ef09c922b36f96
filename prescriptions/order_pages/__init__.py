"""The customer's pages of one order: upload form and status. Plain HTML; scripts only make it smoother."""
