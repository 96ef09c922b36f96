"""What can be known of a file without making anything of it: pages, sizes, slope, perceptual hash."""
