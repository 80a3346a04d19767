"""Start-ups' products, qualifications and requests, and the CDMOs' word on what is feasible."""
