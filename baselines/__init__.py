"""What a model must beat: tables and rules without any network, one readable file each, in NumPy."""
