"""What every capability stands on: settings, database, clock, errors, HTTP conventions, jobs."""
