"""Request and unit, as of a date: options, or typed reasons why not. Pure: no database, no web, no solver."""
