//! The user's cache folder, shared by every checkout of this user.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::lock::Lock;
use crate::ui::Progress;

/// The file in an installed folder that says the installation was finished.
/// Its text is the recipe it was installed by; another recipe installs anew.
const MARKER: &str = ".complete";

/// The cache folder: one folder per tool and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens `$TEDIX_CACHE`, else `$XDG_CACHE_HOME/tedix-claw`, else `~/.cache/tedix-claw`.
    ///
    /// # Errors
    /// When none of them is known, or the folder cannot be made.
    pub fn open() -> anyhow::Result<Self> {
        let root = root_from(|name| std::env::var_os(name).map(PathBuf::from))?;
        fs::create_dir_all(&root)
            .with_context(|| format!("cannot make the cache folder {}", root.display()))?;
        Ok(Self { root })
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A finished installation of this name by this recipe, if there is one.
    pub(crate) fn installed(&self, name: &str, recipe: &str) -> Option<PathBuf> {
        let folder = self.root.join(name);
        let marker = fs::read_to_string(folder.join(MARKER)).ok()?;
        (marker == recipe).then_some(folder)
    }

    /// Installs `name` unless it is: `install` fills an empty folder, which
    /// appears under its name only when it is whole. Other processes wait.
    ///
    /// The folder given to `install` is not where its files end up, so what it
    /// installs must not hold its own path.
    ///
    /// # Errors
    /// Those of `install`, and when the folder cannot be written.
    pub(crate) fn install(
        &self,
        progress: &Progress,
        name: &str,
        recipe: &str,
        install: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let _lock = Lock::take(&self.root.join(".lock"), progress)?;
        if let Some(folder) = self.installed(name, recipe) {
            return Ok(folder);
        }
        // INVARIANT: whoever holds the lock is alone here, so what lies under
        // the staging name was left by a process that died.
        let staging = self.root.join(format!(".installing-{name}"));
        remove(&staging)?;
        fs::create_dir_all(&staging)
            .with_context(|| format!("cannot write to {}", self.root.display()))?;
        let outcome = install(&staging).and_then(|()| {
            fs::write(staging.join(MARKER), recipe)?;
            let folder = self.root.join(name);
            remove(&folder)?;
            fs::rename(&staging, &folder)?;
            Ok(folder)
        });
        if outcome.is_err() {
            // The reason for the failure is what the developer must read.
            drop(remove(&staging));
        }
        outcome
    }
}

fn root_from(variable: impl Fn(&str) -> Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let set = |name: &str| variable(name).filter(|path| path.is_absolute());
    set("TEDIX_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("tedix-claw")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/tedix-claw")))
        .context("no cache folder is known: set HOME, or TEDIX_CACHE to an absolute path")
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Cache, root_from};
    use crate::ui::Progress;
    use std::fs;
    use std::path::PathBuf;

    fn sample(name: &str) -> (Cache, Progress) {
        let root = std::env::temp_dir().join(format!("xtask-cache-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        (
            Cache { root: root.clone() },
            Progress::new(root.join("logs")),
        )
    }

    #[test]
    fn the_folder_follows_the_environment() {
        let of = |pairs: &'static [(&str, &str)]| {
            root_from(move |name| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| PathBuf::from(value))
            })
        };
        let all = [
            ("TEDIX_CACHE", "/t"),
            ("XDG_CACHE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        let leaked: &'static [_] = Box::leak(Box::new(all));
        assert_eq!(of(leaked).unwrap(), PathBuf::from("/t"));
        assert_eq!(
            of(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]).unwrap(),
            PathBuf::from("/x/tedix-claw")
        );
        assert_eq!(
            of(&[("HOME", "/h")]).unwrap(),
            PathBuf::from("/h/.cache/tedix-claw")
        );
        assert_eq!(
            of(&[("TEDIX_CACHE", "here"), ("HOME", "/h")]).unwrap(),
            PathBuf::from("/h/.cache/tedix-claw")
        );
        assert!(of(&[]).is_err());
    }

    #[test]
    fn an_installation_happens_once_per_recipe() {
        let (cache, progress) = sample("once");
        let install = |recipe: &str, text: &str| {
            cache.install(&progress, "tool-1", recipe, |folder| {
                Ok(fs::write(folder.join("tool"), text)?)
            })
        };
        assert!(cache.installed("tool-1", "a").is_none());
        let folder = install("a", "first").unwrap();
        install("a", "second").unwrap();
        assert_eq!(fs::read_to_string(folder.join("tool")).unwrap(), "first");
        install("b", "third").unwrap();
        assert_eq!(fs::read_to_string(folder.join("tool")).unwrap(), "third");
        fs::remove_dir_all(cache.root()).unwrap();
    }

    #[test]
    fn a_half_made_installation_is_not_seen_and_is_redone() {
        let (cache, progress) = sample("half");
        fs::create_dir_all(cache.root().join("tool-1")).unwrap();
        fs::write(cache.root().join("tool-1/tool"), "half").unwrap();
        assert!(cache.installed("tool-1", "a").is_none());
        let failed = cache.install(&progress, "tool-1", "a", |_| anyhow::bail!("no network"));
        assert_eq!(failed.unwrap_err().to_string(), "no network");
        assert!(cache.installed("tool-1", "a").is_none());
        assert!(!cache.root().join(".installing-tool-1").exists());
        let folder = cache
            .install(&progress, "tool-1", "a", |folder| {
                Ok(fs::write(folder.join("tool"), "whole")?)
            })
            .unwrap();
        assert_eq!(fs::read_to_string(folder.join("tool")).unwrap(), "whole");
        fs::remove_dir_all(cache.root()).unwrap();
    }
}
