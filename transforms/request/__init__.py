"""What is asked for, without a pixel: the IIIF grammar, sizes and regions, presets, info.json."""
