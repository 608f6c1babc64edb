//! Room on the disk.

use std::path::Path;

use anyhow::{Context, ensure};

/// One gigabyte, as disks count.
const GIGABYTE: u64 = 1_000_000_000;

/// Refuses to begin something big on a disk that cannot hold it.
///
/// `needed` is in bytes; `for_what` ends the sentence "… is needed for".
///
/// # Errors
/// When fewer bytes are free in the file system of `folder`.
pub(crate) fn require(folder: &Path, needed: u64, for_what: &str) -> anyhow::Result<()> {
    let existing = folder
        .ancestors()
        .find(|path| path.exists())
        .with_context(|| format!("{} does not exist", folder.display()))?;
    let stat = rustix::fs::statvfs(existing)
        .with_context(|| format!("cannot tell how much room {} has", existing.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    ensure!(
        free >= needed,
        "the disk of {} is nearly full: {} GB free, {} GB needed for {for_what}; make room and run this again",
        existing.display(),
        gigabytes(free),
        gigabytes(needed),
    );
    Ok(())
}

/// With one decimal, rounded down.
fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / (GIGABYTE / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::{gigabytes, require};
    use std::path::Path;

    #[test]
    fn a_full_disk_is_said_in_one_sentence() {
        let message = require(Path::new("/no/such/folder"), u64::MAX, "a test")
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("the disk of / is nearly full: "),
            "{message}"
        );
        assert!(
            message.ends_with("needed for a test; make room and run this again"),
            "{message}"
        );
        assert!(require(Path::new("/"), 1, "a test").is_ok());
    }

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(gigabytes(5_960_000_000), "5.9");
        assert_eq!(gigabytes(10), "0.0");
    }
}
