"""The page's promises as measurements: ``session`` drives, ``actions`` and ``life`` measure, ``table`` writes."""
