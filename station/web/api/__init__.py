"""The desks for programs: the same acts as the pages, as JSON under /api/v1. Tokens open it, cookies never do."""
