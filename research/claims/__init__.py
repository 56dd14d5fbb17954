"""The sentences of the famous answer, each with a rule fixed before the run."""
