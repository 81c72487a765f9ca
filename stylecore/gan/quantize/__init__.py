"""Smaller and faster files of the same generator: FP16 for GPUs, INT8 for CPUs."""
