"""An S3-compatible store as the depot of pre-signed jobs.

``bucket`` says where, ``signer`` signs with botocore, ``objects`` asks the store with
aiohttp, ``depot`` fits them to the service.
"""
