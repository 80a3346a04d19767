"""Who makes what, where: sites, production lines, their bookable units, modalities, clusters."""
