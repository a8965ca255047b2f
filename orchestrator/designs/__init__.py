"""Designs: versioned templates with typed parameters."""

from __future__ import annotations

from orchestrator.designs.design import Design, DesignError
from orchestrator.designs.registry import every, find
from orchestrator.invoices.problem import Problem

__all__ = ["Design", "DesignError", "Problem", "every", "find"]
