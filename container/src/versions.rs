//! The versions of OpenClaw that the image brings: its own, and others in a folder each.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use domain::upgrade::{MAX_OFFERED, is_version};
use rustix::process::{getegid, geteuid};
use serde::Deserialize;

use crate::log;
use crate::settings::Settings;

/// Where OpenClaw's entry script is below the folder of a version.
const ENTRY: &str = "node_modules/openclaw/openclaw.mjs";

/// The versions of OpenClaw in the image, its own first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(Vec<(String, PathBuf)>);

impl Versions {
    /// Looks what there is. What somebody else than us could have put there does not count.
    pub(crate) fn look(settings: &Settings) -> Self {
        let mut found = Vec::new();
        // The image's own counts wherever it is: it runs without a choice, too.
        if let Some(version) = version_of(&settings.openclaw) {
            found.push((version, settings.openclaw.clone()));
        }
        let folders = fs::read_dir(&settings.openclaw_versions)
            .into_iter()
            .flatten();
        let mut folders: Vec<PathBuf> = folders.flatten().map(|folder| folder.path()).collect();
        folders.sort();
        for folder in folders {
            let entry = folder.join(ENTRY);
            let named = folder.file_name().and_then(|name| name.to_str());
            let known = |version: &String| found.iter().any(|(other, _)| other == version);
            match version_of(&entry) {
                Some(version) if known(&version) => {}
                Some(version) if named == Some(&version) && is_ours(&folder, &entry) => {
                    found.push((version, entry));
                }
                _ => log::line(&format!(
                    "{} is no version of OpenClaw that this image may run",
                    folder.display()
                )),
            }
        }
        found.truncate(MAX_OFFERED);
        Self(found)
    }

    /// Their names, the image's own first.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(version, _)| version.clone()).collect()
    }

    /// The entry script of one.
    pub(crate) fn entry(&self, version: &str) -> Option<&Path> {
        let found = self.0.iter().find(|(name, _)| name == version);
        found.map(|(_, entry)| entry.as_path())
    }
}

/// The version that the package of an entry script says; none when there is none.
pub(crate) fn version_of(entry: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let package = fs::read(entry.with_file_name("package.json")).ok()?;
    let package: Package = serde_json::from_slice(&package).ok()?;
    entry
        .is_file()
        .then_some(package.version)
        .filter(|version| is_version(version))
}

/// Whether all that leads from the folder to the entry script is ours, and nobody else's
/// to change.
fn is_ours(folder: &Path, entry: &Path) -> bool {
    let package = entry.with_file_name("package.json");
    let way = entry
        .ancestors()
        .take_while(|part| part.starts_with(folder));
    way.chain([package.as_path(), folder.parent().unwrap_or(folder)])
        .all(|part| fs::symlink_metadata(part).is_ok_and(|found| is_closed(&found)))
}

fn is_closed(found: &Metadata) -> bool {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let by_group = found.mode() & 0o020 != 0 && found.gid() != group;
    found.uid() == user && found.mode() & 0o002 == 0 && !by_group && !found.is_symlink()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn put(folder: &Path, version: &str) {
        fs::create_dir_all(folder).expect("made");
        fs::write(folder.join("openclaw.mjs"), "").expect("written");
        let package = format!(r#"{{"version":"{version}"}}"#);
        fs::write(folder.join("package.json"), package).expect("written");
    }

    #[test]
    fn only_folders_that_nobody_else_can_change_are_versions() {
        let root = std::env::temp_dir().join(format!("tedix-versions-{}", std::process::id()));
        let versions = root.join("versions");
        let package = |name: &str| versions.join(name).join("node_modules/openclaw");
        put(&root.join("own"), "2026.9.6");
        put(&package("2026.9.5"), "2026.9.5");
        put(&package("2026.9.6"), "2026.9.6");
        put(&package("2026.9.4"), "2026.9.3");
        put(&package("open"), "../../etc");
        put(&package("2026.9.2"), "2026.9.2");
        let open = package("2026.9.2").join("openclaw.mjs");
        fs::set_permissions(open, fs::Permissions::from_mode(0o666)).expect("opened");
        symlink(versions.join("2026.9.5"), versions.join("2026.9.1")).expect("linked");
        let settings = Settings {
            openclaw: root.join("own/openclaw.mjs"),
            openclaw_versions: versions.clone(),
            ..Settings::for_tests()
        };
        let found = Versions::look(&settings);
        assert_eq!(found.names(), ["2026.9.6", "2026.9.5"]);
        let own = root.join("own/openclaw.mjs");
        assert_eq!(found.entry("2026.9.6"), Some(own.as_path()));
        assert_eq!(found.entry("2026.9.4"), None);
        fs::remove_dir_all(root).expect("removed");
    }
}
