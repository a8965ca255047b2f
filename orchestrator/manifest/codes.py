"""The codes that documents fail with, as far as they are known here; performs no I/O.

They are open: a service has codes of its own, and a provider's code that we have no
word for becomes ``code_…`` or ``http_…``. So a code that is not among these may be
right, but hardly one that looks like one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from orchestrator.manifest.faults import near, shown

KNOWN = frozenset(
    """
    absent bad_key bad_params bad_range bad_reply bad_request bad_signature bad_size
    closing connect_failed connect_timed_out converter_died cut_body cut_reply
    damaged_file disk_full dns_failed empty empty_file expired failed file_unknown
    forbidden given_up hung_up id_in_use inactive internal key_missing length_required
    malformed memory_limit no_content no_file no_link no_outcome no_pages no_result
    not_found not_in_storage not_listed not_matched output_exists overdue overloaded
    packed part_gone password_needed payment_required proxy_failed quota_used_up
    rate_limited receiving redirect render_failed reset source_changed stalled
    storage_down strays sync_timeout task_empty task_expired task_unknown time_limit
    timed_out tls_failed too_large too_long too_many too_many_laps too_many_pages
    truncated unauthorized unprocessable unsupported unwanted withdrawn wrong_count
    wrong_hash wrong_length wrong_method wrong_state wrong_type
    """.split()  # noqa: SIM905  # eighty lines otherwise
)
"""Our own words, in the order of letters."""
_MADE = re.compile(r"http_\d{3}|code_.+|not_a_[a-z0-9]+")


def strange(codes: Iterable[str]) -> Iterator[str]:
    """Words about codes of ``stop_at`` that may never occur."""
    for code in codes:
        if code in KNOWN or _MADE.fullmatch(code):
            continue
        hint = near(code, KNOWN)
        yield (
            f"stop_at.codes: {shown(code)} is no code that is known here, and stops "
            f"nothing unless a provider says it{f'; {hint}' if hint else ''}"
        )
