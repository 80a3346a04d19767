"""Spreadsheets in and out: the one place that reads CSV and XLSX, and the one that writes them."""
