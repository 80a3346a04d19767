"""From the declaration of a health crisis to the stand-down: powers, plans, signatures, orders, displacement."""
