"""What may be asked, a file per subject: each function is one route and its signature is its contract."""
