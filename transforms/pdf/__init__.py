"""PDF pages: drawn, stripped, written, put together. Two engines; img2pdf and pikepdf for what need not be drawn."""
