//! How large what the network carries is, and how large it may become.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use walkdir::WalkDir;

use super::Artifacts;
use crate::ui::Progress;

/// The most that each artifact may weigh, gzipped, in bytes. About 15 % over
/// what it weighed when the number was written. Cloudflare's own limit for a
/// Worker is 10 MB gzipped, 3 MB on the free plan.
const BUDGETS: [(&str, u64); 3] = [
    ("registry Worker", 650_000),
    ("gateway Worker", 1_430_000),
    ("admin app", 1_250_000),
];

/// The sizes of the artifacts that have a budget, in the budgets' order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    gzipped: [u64; 3],
}

impl Sizes {
    /// Compresses and counts.
    ///
    /// # Errors
    /// When an artifact cannot be read.
    pub fn of(artifacts: &Artifacts) -> anyhow::Result<Self> {
        let gzipped = [
            of_worker(&artifacts.registry_worker)?,
            of_worker(&artifacts.gateway_worker)?,
            of_folder(&artifacts.admin_app)?,
        ];
        Ok(Self { gzipped })
    }

    /// Says every size, and fails when one is over its budget.
    ///
    /// # Errors
    /// Names what is too large.
    pub fn report(&self, progress: &Progress) -> anyhow::Result<()> {
        let mut over = Vec::new();
        for ((name, budget), size) in BUDGETS.iter().zip(self.gzipped) {
            progress.say(format!(
                "  {name}: {} ({} allowed)",
                shown(size),
                kilobytes(*budget)
            ));
            if size > *budget {
                over.push(format!(
                    "the {name} is {} where {} is allowed",
                    shown(size),
                    kilobytes(*budget)
                ));
            }
        }
        if over.is_empty() {
            return Ok(());
        }
        bail!(
            "{}: find what made it grow (`git log`, a new dependency?), or raise the budget in xtask/src/build/size.rs",
            over.join("; ")
        )
    }
}

/// The gzipped size of a Worker in bytes: its module and its WebAssembly, as they are uploaded.
pub(super) fn of_worker(folder: &Path) -> anyhow::Result<u64> {
    let files = ["index.js", "index_bg.wasm"];
    files.iter().map(|file| of_file(&folder.join(file))).sum()
}

/// The gzipped size of every file in a folder, in bytes.
pub(super) fn of_folder(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in WalkDir::new(folder) {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.file_type().is_file() {
            sum += of_file(entry.path())?;
        }
    }
    Ok(sum)
}

/// A size in bytes as a developer reads it.
pub(super) fn shown(bytes: u64) -> String {
    format!("{} gzipped", kilobytes(bytes))
}

fn kilobytes(bytes: u64) -> String {
    format!("{} KB", bytes.div_ceil(1000))
}

fn of_file(path: &Path) -> anyhow::Result<u64> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::{BUDGETS, Sizes, of_folder, of_worker, shown};
    use crate::ui::Progress;

    fn report(gzipped: [u64; 3]) -> anyhow::Result<()> {
        let logs = tempfile::tempdir().unwrap();
        Sizes { gzipped }.report(&Progress::new(logs.path().to_owned()))
    }

    #[test]
    fn a_budget_may_be_used_up_and_not_passed() {
        let allowed = BUDGETS.map(|(_, budget)| budget);
        report(allowed).unwrap();
        let [registry, gateway, admin] = allowed;
        let message = report([registry, gateway + 1, admin])
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("the gateway Worker is "), "{message}");
        assert!(!message.contains("registry Worker"), "{message}");
    }

    #[test]
    fn counts_what_is_uploaded() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(folder.path().join(name), [7; 10_000]).unwrap();
        write("index.js");
        write("index_bg.wasm");
        let worker = of_worker(folder.path()).unwrap();
        assert!(worker > 20 && worker < 200, "{worker}");
        write("package.json");
        assert_eq!(of_worker(folder.path()).unwrap(), worker);
        assert!(of_folder(folder.path()).unwrap() > worker);
    }

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!(shown(1), "1 KB gzipped");
        assert_eq!(shown(410_000), "410 KB gzipped");
    }
}
