"""Words of the trades that random scenarios are about, so that what differs can be talked about."""

from __future__ import annotations

from typing import Final

TRADES: Final[dict[str, tuple[str, ...]]] = {
    "grocery": ("pick-items", "weigh-produce", "hand-over", "rate-rider", "debit-wallet", "print-label", "pack-bags"),
    "loan": ("pull-credit", "score-risk", "notify-branch", "sign-contract", "pay-out", "archive-file", "check-income"),
    "video": ("probe-file", "cut-segments", "encode-high", "encode-low", "index-search", "purge-temp", "publish-feed"),
    "clinic": ("book-room", "draw-blood", "run-assay", "call-doctor", "send-report", "bill-insurer", "store-sample"),
    "travel": (
        "hold-seat",
        "reserve-hotel",
        "issue-ticket",
        "charge-card",
        "mail-itinerary",
        "order-taxi",
        "add-miles",
    ),
    "factory": ("cut-steel", "weld-frame", "paint-body", "test-brakes", "log-batch", "ship-pallet", "order-parts"),
    "agent": ("plan-task", "search-web", "ask-model", "run-tool", "write-draft", "review-draft", "post-answer"),
    "school": ("enrol-pupil", "assign-class", "order-books", "invite-parents", "print-badge", "open-account", "grade"),
}
"""What a workflow is called, and what its steps do."""
