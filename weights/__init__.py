"""Trained weights, as data: safetensors files and their manifest."""
