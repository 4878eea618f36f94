"""What a person reads, decided once and rendered per output."""
