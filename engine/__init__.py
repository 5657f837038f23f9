"""Recognition: arrays in, arrays out. No async, no SQL, no HTTP, no clock."""
