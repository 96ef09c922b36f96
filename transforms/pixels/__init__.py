"""From an opened image to an encoded one: plan, decode, scale, colours, quality, encode."""
