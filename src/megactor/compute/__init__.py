"""Where the networks run: devices, cores, memory, compiled blocks."""
