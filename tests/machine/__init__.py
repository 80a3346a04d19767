"""A state machine over the real interface: random sequences of steps, compared with a model after each."""
