"""Why a plan is as it is: statements checked by solving, as typed data and as sentences in English and French."""
