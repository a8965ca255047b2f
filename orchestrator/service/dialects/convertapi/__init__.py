"""ConvertAPI, in both generations of its jobs, mounted at ``/``."""
