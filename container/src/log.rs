//! Lines on standard output, which is the container's log.

use std::io::Write;

/// Writes one line of our own. A log that nobody can write to stops nothing.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "tedix-init: {text}");
}

/// Writes one line of OpenClaw's output.
pub(crate) fn openclaw(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "openclaw: {text}");
}
