"""Has it changed: rates and their tests, sequential evidence, hours and seasons, onset, clustering; shared by all."""
