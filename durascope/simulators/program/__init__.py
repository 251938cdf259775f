"""Runs a workflow's steps deterministically, and so replays them: what the user's code does inside an SDK.

The workflow's code is a tree of coroutines on a small event loop. Everything durable is asked of an `Sdk`, which each
engine provides; it answers at once (from its record) or by a `Future` that it resolves later. A replay is nothing but a
new `Program` that is fed the recorded answers.

    Program.main ── run · sleep · wait_for · … ──▶ Sdk ── Future ──▶ the engine
         ▲                                                              │
         └────────────── Loop.run() resumes what is ready ◀── resolve ──┘
"""
