"""Photos as pixels: decoding, colour profiles and spaces, palettes, foreground and noise."""
