"""Where the sample stands below a bucket or a directory."""

EXPORTS = "sample/exports"
VISITS = "sample/visits.csv"
