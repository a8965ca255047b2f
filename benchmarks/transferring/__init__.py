"""What the benchmark of uploads and downloads is made of."""
