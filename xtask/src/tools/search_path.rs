//! Programs on PATH.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The first program with this name on PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// The first program with this name on PATH, or an error that says what to do.
pub(crate) fn require(name: &str, what_to_do: &str) -> anyhow::Result<PathBuf> {
    find(name).with_context(|| format!("`{name}` is not on PATH: {what_to_do} and run this again"))
}

/// PATH with folders put in front.
pub(crate) fn with_first<'a>(folders: impl IntoIterator<Item = &'a Path>) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = folders
        .into_iter()
        .map(Path::to_owned)
        .chain(std::env::split_paths(&rest));
    // A folder with a colon in its name cannot be on PATH at all.
    std::env::join_paths(folders).unwrap_or(rest)
}

fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::{find, require};

    #[test]
    fn finds_programs_and_says_what_to_do_without_one() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        let message = require("no-such-program-here", "install it")
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "`no-such-program-here` is not on PATH: install it and run this again"
        );
    }
}
