"""Encode one Linux kernel's BTF several ways, and measure every type and every byte."""

__version__ = "0.1.0"
