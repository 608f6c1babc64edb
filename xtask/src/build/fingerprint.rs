//! Remembers what an artifact was made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::checkout::Checkout;

/// The record of one artifact: the digest of its inputs when it was last built.
pub(super) struct Fingerprint {
    file: PathBuf,
    digest: String,
}

impl Fingerprint {
    /// The record of `artifact`, which would now be made from inputs with this digest.
    pub(super) fn of(checkout: &Checkout, artifact: &str, digest: String) -> Self {
        Self {
            file: checkout.build().join("fingerprints").join(artifact),
            digest,
        }
    }

    /// Whether `output` is there and was made from these inputs.
    pub(super) fn is_current(&self, output: &Path) -> bool {
        output.exists() && fs::read_to_string(&self.file).is_ok_and(|built| built == self.digest)
    }

    /// Forgets the artifact: call it before changing its files, so that an
    /// interrupted build is not taken for a finished one.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.file.display()))
            }
            _ => Ok(()),
        }
    }

    /// Records that the artifact is made from these inputs.
    pub(super) fn record(&self) -> anyhow::Result<()> {
        let folder = self
            .file
            .parent()
            .context("a fingerprint without a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&self.file, &self.digest))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn an_artifact_is_current_while_it_and_its_inputs_stay() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output");
        let with = |digest: &str| Fingerprint {
            file: folder.path().join("fingerprints/artifact"),
            digest: digest.to_owned(),
        };
        assert!(!with("a").is_current(&output));
        with("a").forget().unwrap();
        std::fs::write(&output, "").unwrap();
        with("a").record().unwrap();
        assert!(with("a").is_current(&output));
        assert!(!with("b").is_current(&output));
        with("b").forget().unwrap();
        assert!(!with("a").is_current(&output));
        with("a").record().unwrap();
        std::fs::remove_file(&output).unwrap();
        assert!(!with("a").is_current(&output));
    }
}
