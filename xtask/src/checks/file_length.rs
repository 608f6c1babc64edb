//! Files that have grown past reading.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::Context;
use walkdir::{DirEntry, WalkDir};

/// The most lines that a file may have. Tests aside: a table of cases is read
/// where it fails, not from top to bottom.
const MOST_LINES: usize = 600;
/// The kinds of file that people write here.
const KINDS: [&str; 9] = ["rs", "sql", "toml", "js", "mjs", "ts", "css", "html", "sh"];
/// Folders whose content nobody writes.
const MADE: [&str; 5] = [".git", ".state", "build", "node_modules", "target"];

/// One line for each file below `root` that is too long.
pub(super) fn too_long(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let entries = WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_written);
    for entry in entries {
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_file() || !is_kind(entry.path()) || is_tests(entry.path()) {
            continue;
        }
        let text = fs::read_to_string(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        let lines = text.lines().count();
        if lines > MOST_LINES {
            let name = entry.path().strip_prefix(root).unwrap_or(entry.path());
            found.push(format!(
                "{} has {lines} lines, {MOST_LINES} are allowed",
                name.display()
            ));
        }
    }
    Ok(found)
}

/// `build` is a made folder at the top, and may be a module further down.
fn is_written(entry: &DirEntry) -> bool {
    let made = MADE
        .iter()
        .any(|name| entry.file_name() == OsStr::new(name));
    let module = entry.file_name() == "build" && entry.depth() > 1;
    entry.depth() == 0 || !entry.file_type().is_dir() || !made || module
}

fn is_kind(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|extension| KINDS.contains(&extension))
}

/// `tests.rs` beside what it tests.
fn is_tests(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new("tests.rs"))
}

#[cfg(test)]
mod tests {
    use super::too_long;
    use std::fs;

    #[test]
    fn only_long_files_that_people_write_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, lines: usize| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "line\n".repeat(lines)).unwrap();
        };
        write("crate/src/fits.rs", 600);
        write("crate/src/build/long.rs", 601);
        write("crate/src/long/tests.rs", 700);
        write("build/made.js", 5_000);
        write("node_modules/made.js", 5_000);
        write("crate/target/made.rs", 5_000);
        write("Cargo.lock", 5_000);
        assert_eq!(
            too_long(folder.path()).unwrap(),
            ["crate/src/build/long.rs has 601 lines, 600 are allowed"]
        );
    }
}
