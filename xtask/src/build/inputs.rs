//! What a crate is made of, as one digest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

/// Files of the workspace that every crate depends on.
const SHARED: [&str; 3] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

#[derive(Deserialize)]
struct WorkspaceManifest {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    dependencies: toml::Table,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: toml::Table,
    #[serde(default, rename = "build-dependencies")]
    build_dependencies: toml::Table,
}

/// The digest of a crate's files, those of the crates of this workspace that it
/// depends on, `others` (files or folders), and `words` (versions, options).
///
/// # Errors
/// When a file cannot be read.
pub(super) fn digest(
    root: &Path,
    crate_folder: &str,
    others: &[&str],
    words: &[&str],
) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update(word.len().to_le_bytes());
        hasher.update(word);
    }
    let mut paths: BTreeSet<PathBuf> = crates(root, crate_folder)?;
    paths.extend(SHARED.iter().chain(others).map(PathBuf::from));
    for path in paths {
        add(&mut hasher, root, &root.join(path))?;
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The folders of a crate and of the crates of this workspace that it depends on.
fn crates(root: &Path, crate_folder: &str) -> anyhow::Result<BTreeSet<PathBuf>> {
    let workspace: WorkspaceManifest = read(&root.join("Cargo.toml"))?;
    let mut found = BTreeSet::new();
    let mut waiting = vec![PathBuf::from(crate_folder)];
    while let Some(folder) = waiting.pop() {
        if !found.insert(folder.clone()) {
            continue;
        }
        let manifest: Manifest = read(&root.join(&folder).join("Cargo.toml"))?;
        let names = manifest
            .dependencies
            .keys()
            .chain(manifest.build_dependencies.keys());
        let paths =
            names.filter_map(|name| workspace.workspace.dependencies.get(name)?.get("path"));
        waiting.extend(paths.filter_map(toml::Value::as_str).map(PathBuf::from));
    }
    Ok(found)
}

fn read<T: for<'de> Deserialize<'de>>(manifest: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not valid", manifest.display()))
}

fn add(hasher: &mut Sha256, root: &Path, path: &Path) -> anyhow::Result<()> {
    for entry in WalkDir::new(path)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_source)
    {
        let entry = match entry {
            Ok(entry) => entry,
            // What was listed and is gone was not part of it.
            Err(error) if error.io_error().is_some_and(is_absent) => continue,
            Err(error) => return Err(error).context("cannot read the sources"),
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let bytes = fs::read(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        let name = entry.path().strip_prefix(root).unwrap_or(entry.path());
        hasher.update(name.as_os_str().as_encoded_bytes());
        hasher.update([0]);
        hasher.update(bytes.len().to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(())
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

fn is_source(entry: &DirEntry) -> bool {
    entry.file_name() != "node_modules" && entry.file_name() != "target"
}

#[cfg(test)]
mod tests {
    use super::digest;
    use std::fs;
    use std::path::Path;

    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace.dependencies]\nrules = { path = \"rules\" }\nserde = \"1\"\n",
        );
        write("Cargo.lock", "");
        write("rust-toolchain.toml", "");
        write(
            "app/Cargo.toml",
            "[dependencies]\nrules.workspace = true\nserde.workspace = true\n",
        );
        write("app/src/main.rs", "fn main() {}");
        write("app/node_modules/big/index.js", "1");
        write("rules/Cargo.toml", "[package]\nname = \"rules\"\n");
        write("rules/src/lib.rs", "");
        write("other/src/lib.rs", "");
        write("migrations/1.sql", "");
        folder
    }

    fn of(root: &Path) -> String {
        digest(root, "app", &["migrations"], &["rustc 1"]).unwrap()
    }

    #[test]
    fn changes_with_every_input_and_with_nothing_else() {
        let workspace = workspace();
        let root = workspace.path();
        let mut before = of(root);
        assert_eq!(before, of(root));
        for path in ["other/src/lib.rs", "app/node_modules/big/index.js"] {
            fs::write(root.join(path), "changed").unwrap();
            assert_eq!(before, of(root), "{path}");
        }
        for path in [
            "app/src/main.rs",
            "rules/src/lib.rs",
            "Cargo.lock",
            "migrations/1.sql",
            "app/src/new.rs",
        ] {
            fs::write(root.join(path), "# changed").unwrap();
            let after = of(root);
            assert_ne!(before, after, "{path}");
            before = after;
        }
        fs::rename(root.join("app/src/new.rs"), root.join("app/src/newer.rs")).unwrap();
        assert_ne!(before, of(root));
        assert_ne!(
            digest(root, "app", &[], &["a", "bc"]).unwrap(),
            digest(root, "app", &[], &["ab", "c"]).unwrap()
        );
    }
}
