"""The service's own API (docs/service.md); thin words over the desk."""
