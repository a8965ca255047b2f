"""Document APIs of vendors, spoken over the same desk, jobs and renderer."""
