"""The embedded service: a self-hosted document API with three request modes."""
