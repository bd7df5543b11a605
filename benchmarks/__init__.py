"""Every figure that docs/performance.md has, measured side by side in one run: ``python -m benchmarks --help``."""
