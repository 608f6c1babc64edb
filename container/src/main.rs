//! PID 1 of a gateway's container: configures, starts and watches OpenClaw.

fn main() {}
