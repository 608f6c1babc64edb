//! A stand-in for a version of OpenClaw that does not work: it ends as soon as it is started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

/// Newer than any that is installed.
pub const BROKEN_VERSION: &str = "2026.9.99";

/// Makes its folder below `parent`, as npm would.
pub(super) fn broken_version(parent: &Path) -> anyhow::Result<PathBuf> {
    let folder = parent.join("openclaw-stand-in");
    let package = folder.join("node_modules/openclaw");
    fs::create_dir_all(package.join("skills"))?;
    let about = json!({ "name": "openclaw", "version": BROKEN_VERSION, "type": "module" });
    fs::write(package.join("package.json"), about.to_string())?;
    let script = "console.error('a stand-in for a version that does not work');process.exit(1);\n";
    fs::write(package.join("openclaw.mjs"), script)?;
    // Its user in the container is another one.
    for part in [&folder, &folder.join("node_modules"), &package] {
        fs::set_permissions(part, fs::Permissions::from_mode(0o755))?;
    }
    Ok(folder)
}
