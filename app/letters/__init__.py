"""Letters: mail to the people of an organisation about what it must answer, or what happens to it."""
