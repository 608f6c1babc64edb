//! Versions from Cargo.lock.

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::checkout::Checkout;

#[derive(Deserialize)]
struct Lockfile {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// The version of a crate in the checkout's Cargo.lock.
///
/// # Errors
/// When the file cannot be read, or has the crate not exactly once.
pub(crate) fn version_of(checkout: &Checkout, name: &str) -> anyhow::Result<String> {
    let path = checkout.join("Cargo.lock");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    version_in(&text, name)
}

fn version_in(lockfile: &str, name: &str) -> anyhow::Result<String> {
    let lockfile: Lockfile = toml::from_str(lockfile).context("Cargo.lock is not valid")?;
    let mut versions = lockfile
        .package
        .into_iter()
        .filter(|package| package.name == name)
        .map(|p| p.version);
    match (versions.next(), versions.next()) {
        (Some(version), None) => Ok(version),
        (None, _) => bail!("Cargo.lock has no {name}"),
        (Some(one), Some(other)) => {
            bail!("Cargo.lock has {name} at {one} and at {other}; one version is needed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    const LOCKFILE: &str = r#"
version = 4

[[package]]
name = "sha2"
version = "0.10.9"

[[package]]
name = "sha2"
version = "0.11.1"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
source = "registry+https://example.com/index"
dependencies = ["cfg-if"]

[[package]]
name = "wasm-bindgen-macro"
version = "0.2.131"
"#;

    #[test]
    fn reads_the_version_of_exactly_this_crate() {
        assert_eq!(version_in(LOCKFILE, "wasm-bindgen").unwrap(), "0.2.130");
    }

    #[test]
    fn refuses_none_and_several() {
        let none = version_in(LOCKFILE, "wasm").unwrap_err().to_string();
        assert_eq!(none, "Cargo.lock has no wasm");
        let several = version_in(LOCKFILE, "sha2").unwrap_err().to_string();
        assert_eq!(
            several,
            "Cargo.lock has sha2 at 0.10.9 and at 0.11.1; one version is needed"
        );
    }
}
