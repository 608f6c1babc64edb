//! Debian's package tools, as far as set-up needs them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::search_path;
use crate::ui::Step;

/// Whether this machine has apt and dpkg.
pub(super) fn available() -> bool {
    ["apt-get", "apt-cache", "dpkg"]
        .iter()
        .all(|program| search_path::find(program).is_some())
}

/// Whether this process may change the system.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// One field of a package's candidate version; `None` when apt does not know the package.
pub(super) fn field(package: &str, field: &str) -> Option<String> {
    let output = Command::new("apt-cache")
        .args(["show", "--no-all-versions", package])
        .output()
        .ok()?;
    field_in(&String::from_utf8_lossy(&output.stdout), field)
}

/// Makes apt know `package`: reads the package lists anew when it does not.
///
/// # Errors
/// When it stays unknown, or the lists are missing and only root may fetch them.
pub(super) fn require_known(step: &Step, package: &str) -> anyhow::Result<()> {
    if field(package, "Version").is_some() {
        return Ok(());
    }
    if !is_root() {
        bail!(
            "apt does not know the package {package}: run `sudo apt-get update` and then this again"
        );
    }
    step.note("reading the package lists");
    step.run(Command::new("apt-get").args(["update", "--quiet"]))?;
    field(package, "Version")
        .map(drop)
        .with_context(|| format!("this distribution has no package {package}"))
}

/// Downloads packages into a folder and unpacks them below `root`, without
/// installing anything into the system. Needs no root.
///
/// # Errors
/// When a package cannot be fetched or unpacked.
pub(super) fn unpack(
    step: &Step,
    packages: &[String],
    folder: &Path,
    root: &Path,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    step.note("downloading packages");
    step.run(
        Command::new("apt-get")
            .current_dir(folder)
            .args(["download", "--quiet"])
            .args(packages),
    )?;
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            step.run(Command::new("dpkg").arg("-x").arg(&file).arg(root))?;
        }
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// The first name in a `Depends:` field that begins with `prefix` and a digit.
pub(super) fn versioned_dependency(depends: &str, prefix: &str) -> Option<String> {
    depends
        .split([',', '|'])
        .filter_map(|dependency| dependency.split_whitespace().next())
        .find(|name| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
        .map(str::to_owned)
}

fn field_in(record: &str, field: &str) -> Option<String> {
    record.lines().find_map(|line| {
        let value = line.strip_prefix(field)?.strip_prefix(':')?;
        Some(value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{field_in, versioned_dependency};

    const RECORD: &str = "Package: libstd-rust-web-1.96\nVersion: 1.96.0+dfsg1-1~deb12u2\n\
        Depends: libc6 (>= 2.34), libgcc-s1 (>= 4.2), libllvm22, libstdc++6 (>= 11)\n";

    #[test]
    fn fields_are_found_by_their_whole_name() {
        assert_eq!(
            field_in(RECORD, "Version").as_deref(),
            Some("1.96.0+dfsg1-1~deb12u2")
        );
        assert_eq!(field_in(RECORD, "Vers"), None);
    }

    #[test]
    fn dependencies_are_found_whatever_their_number() {
        let depends = field_in(RECORD, "Depends").unwrap();
        assert_eq!(
            versioned_dependency(&depends, "libllvm").as_deref(),
            Some("libllvm22")
        );
        assert_eq!(
            versioned_dependency(&depends, "libc"),
            Some("libc6".to_owned())
        );
        assert_eq!(versioned_dependency(&depends, "libstd-rust-web-"), None);
    }
}
