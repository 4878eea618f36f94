"""Put answers before people and keep what they say."""
