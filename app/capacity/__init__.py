"""What is for booking, and when: slots, commitments, reserve agreements, and who holds a slot still."""
