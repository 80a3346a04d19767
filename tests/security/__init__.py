"""What holds of the whole: that each promise has its test, and rules that no single part can be asked about."""
