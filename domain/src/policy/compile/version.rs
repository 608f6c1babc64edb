//! Which versions of OpenClaw a configuration can be compiled for.

use serde_json::Value;

/// Year and month of the releases whose schema the compiler knows, and the first
/// of them that was checked. Patch releases keep their keys.
const KNOWN: [(u32, u32, u32); 1] = [(2026, 9, 5)];

/// A version of OpenClaw that the compiler does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "OpenClaw {version} is not known here; {known} is. Unchecked against its schema: {}. \
     Keep the gateway on a known version, or update tedix-claw.",
    unchecked.join(", ")
)]
pub struct VersionSkew {
    /// What the gateway runs.
    pub version: String,
    /// What is known, such as `2026.9 from 2026.9.5`.
    pub known: String,
    /// Keys of the configuration that nobody has checked against that version.
    pub unchecked: Vec<String>,
}

/// Whether a configuration is one that a version of OpenClaw is known to take.
///
/// # Errors
/// When that version is not known; says which keys nobody has checked against it.
pub fn check(version: &str, config: &Value) -> Result<(), VersionSkew> {
    if read(version).is_some_and(|(year, month, patch)| {
        KNOWN
            .iter()
            .any(|known| (known.0, known.1) == (year, month) && patch >= known.2)
    }) {
        return Ok(());
    }
    let known =
        KNOWN.map(|(year, month, patch)| format!("{year}.{month} from {year}.{month}.{patch}"));
    let mut unchecked = Vec::new();
    for (section, value) in config.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(keys) => unchecked.extend(keys.keys().map(|key| format!("{section}.{key}"))),
            None => unchecked.push(section.clone()),
        }
    }
    Err(VersionSkew {
        version: version.chars().take(40).collect(),
        known: known.join(", "),
        unchecked,
    })
}

/// Year, month and patch; a suffix such as `-beta.1` makes another version.
fn read(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split('.');
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let read = (number()?, number()?, number()?);
    parts.next().is_none().then_some(read)
}
