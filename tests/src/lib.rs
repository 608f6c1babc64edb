//! End-to-end tests: several Workers in workerd, real OpenClaw, real Chromium.
