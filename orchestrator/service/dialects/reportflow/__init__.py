"""ReportFlow, in both generations of its API.

Legacy requests carry ``SecretKey`` beside ``AppKey``; the others are of today's API.
"""
