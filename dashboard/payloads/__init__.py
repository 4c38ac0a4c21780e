"""Engine values as the browser receives them."""
