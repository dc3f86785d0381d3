"""The parts of `facevae evaluate`, each a section of report.json."""
