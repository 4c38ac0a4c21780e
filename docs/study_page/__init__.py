"""What docs/study.md is made from: evidence from the studies that ship, the published claims, pictures."""
