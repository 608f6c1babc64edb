//! One commit with all that it needs, in a repository of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use domain::policy::CommitId;
use domain::wire::git::{GitOrder, MAX_PACK};
use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::program::{Ends, Git};

/// Most files, and most bytes, that are put in place.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Where a commit is brought.
#[derive(Debug)]
pub(super) struct Repository {
    /// The bare repository.
    git: PathBuf,
    /// What is in place.
    mark: PathBuf,
    /// Where the tree is made before it is put in place.
    tree: PathBuf,
    /// Git's list of its files.
    index: PathBuf,
    /// A pack on its way.
    pack: PathBuf,
}

/// What is in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) commit: CommitId,
    #[serde(default)]
    path: Option<String>,
}

impl Repository {
    pub(super) fn new(own: &Path, order: &GitOrder) -> Self {
        // A policy's names have no slash of their own.
        let name = order.name.replace('/', "-");
        let at = |end: &str| own.join(format!("{name}{end}"));
        Self {
            git: at(".git"),
            mark: at(".json"),
            tree: at(".tree"),
            index: at(".index"),
            pack: at(".pack"),
        }
    }

    /// What is in place; none when nothing was ever brought to this disk.
    pub(super) fn in_place(&self) -> Option<Place> {
        serde_json::from_slice(&fs::read(&self.mark).ok()?).ok()
    }

    /// Whether that is what is wanted.
    pub(super) fn holds(&self, order: &GitOrder) -> bool {
        self.in_place() == Some(place(order))
    }

    /// It was put in place.
    pub(super) fn remember(&self, order: &GitOrder) {
        let mark = serde_json::json!(place(order)).to_string();
        // Forgetting costs time at the next look, nothing else.
        let _ = fs::write(&self.mark, mark);
    }

    /// Gets every object of the commit: from what is kept, else from the Git host.
    pub(super) fn complete(
        &self,
        order: &GitOrder,
        git: &Git,
        cache: &Cache,
    ) -> Result<(), String> {
        if self.is_complete(order, git) {
            return Ok(());
        }
        self.begin(order, git)?;
        if cache.get(order, &self.pack).is_ok() {
            let unpacked = self.unpack(order, git);
            let _ = fs::remove_file(&self.pack);
            if unpacked.is_ok() && self.is_complete(order, git) {
                return Ok(());
            }
            self.begin(order, git)?;
        }
        let mut command = git.command(Some(&self.git));
        command
            .args(["fetch", "--quiet", "--depth=1", "--no-tags"])
            .args(["--no-write-fetch-head", "--no-recurse-submodules", "--"])
            .arg(git.url(&order.name))
            .arg(order.commit.as_str());
        git.run(&mut command, Ends::default())?;
        if !self.is_complete(order, git) {
            return Err(format!("the Git host did not send all of {}", order.commit));
        }
        if let Err(error) = self.keep(order, git, cache) {
            crate::log::line(&format!("{}: not kept: {error}", order.name));
        }
        Ok(())
    }

    fn is_complete(&self, order: &GitOrder, git: &Git) -> bool {
        let commit = order.commit.as_str();
        let mut kind = git.command(Some(&self.git));
        kind.args(["cat-file", "-t", commit]);
        let mut all = git.command(Some(&self.git));
        all.args(["rev-list", "--objects", "--quiet", commit]);
        let is_commit = git.run(&mut kind, Ends::default());
        is_commit.is_ok_and(|kind| kind == b"commit\n")
            && git.run(&mut all, Ends::default()).is_ok()
    }

    /// Begins anew.
    fn begin(&self, order: &GitOrder, git: &Git) -> Result<(), String> {
        let said = |error: std::io::Error| format!("{}: {error}", self.git.display());
        remove(&self.git).map_err(said)?;
        fs::create_dir_all(&self.git).map_err(said)?;
        let format = match order.commit.as_str().len() {
            64 => "sha256",
            _ => "sha1",
        };
        let mut command = git.command(None);
        command
            .args(["init", "--quiet", "--bare", "--template="])
            .arg(format!("--object-format={format}"))
            .arg(&self.git);
        git.run(&mut command, Ends::default())?;
        Ok(())
    }

    /// Takes in a pack that was kept. Git names each object by what it holds, so another
    /// one than the commit's makes no difference.
    fn unpack(&self, order: &GitOrder, git: &Git) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        let input = Some(File::open(&self.pack).map_err(said)?);
        let mut command = git.command(Some(&self.git));
        command.args(["index-pack", "--strict", "--stdin"]);
        let ends = Ends {
            input,
            output: None,
        };
        git.run(&mut command, ends)?;
        // The commit's parents are not in it.
        fs::write(self.git.join("shallow"), format!("{}\n", order.commit)).map_err(said)
    }

    /// Has the gateway Worker keep it.
    fn keep(&self, order: &GitOrder, git: &Git, cache: &Cache) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        let wanted = self.pack.with_extension("wanted");
        let mut list = File::create(&wanted).map_err(said)?;
        writeln!(list, "{}", order.commit).map_err(said)?;
        let ends = Ends {
            input: Some(File::open(&wanted).map_err(said)?),
            output: Some(File::create(&self.pack).map_err(said)?),
        };
        let mut command = git.command(Some(&self.git));
        command.args(["pack-objects", "--quiet", "--revs", "--stdout"]);
        let packed = git.run(&mut command, ends);
        let kept = packed.and_then(|_| cache.put(order, &self.pack, MAX_PACK));
        for file in [&wanted, &self.pack] {
            // Only what it took to get there.
            let _ = fs::remove_file(file);
        }
        kept
    }

    /// Makes the tree of the commit, or of a folder in it; where it is.
    pub(super) fn export(&self, order: &GitOrder, git: &Git) -> Result<PathBuf, String> {
        let said = |error: std::io::Error| format!("{}: {error}", self.tree.display());
        let tree = match &order.path {
            Some(path) => format!("{}:{path}", order.commit),
            None => order.commit.to_string(),
        };
        self.check(&tree, git)?;
        remove(&self.tree).map_err(said)?;
        let _ = fs::remove_file(&self.index);
        fs::create_dir_all(&self.tree).map_err(said)?;
        for step in [
            ["read-tree", tree.as_str()].as_slice(),
            &["checkout-index", "--all", "--force", "--quiet"],
        ] {
            let mut command = git.command(Some(&self.git));
            command
                .args(step)
                .current_dir(&self.tree)
                .env("GIT_WORK_TREE", &self.tree)
                .env("GIT_INDEX_FILE", &self.index);
            git.run(&mut command, Ends::default())?;
        }
        Ok(self.tree.clone())
    }

    /// Looks how large it would be.
    fn check(&self, tree: &str, git: &Git) -> Result<(), String> {
        let mut command = git.command(Some(&self.git));
        command.args(["ls-tree", "-r", "-l", "-z", "--full-tree", tree]);
        let listed = git.run(&mut command, Ends::default())?;
        let listed = String::from_utf8_lossy(&listed);
        let (mut files, mut bytes) = (0_usize, 0_u64);
        for entry in listed.split('\0').filter(|entry| !entry.is_empty()) {
            // MODE TYPE HASH SIZE<tab>PATH
            let facts = entry.split('\t').next().unwrap_or_default();
            let size = facts.split_whitespace().nth(3).unwrap_or_default();
            files += 1;
            bytes = bytes.saturating_add(size.parse().unwrap_or(0));
        }
        if files > MAX_FILES || bytes > MAX_BYTES {
            return Err(format!(
                "{files} files with {bytes} bytes are more than the {MAX_FILES} and {MAX_BYTES} \
                 that may be brought; name a folder"
            ));
        }
        Ok(())
    }

    /// The newest commit of a branch; none when there is no such branch.
    pub(super) fn newest(
        order: &GitOrder,
        branch: &str,
        git: &Git,
    ) -> Result<Option<CommitId>, String> {
        let wanted = format!("refs/heads/{branch}");
        let mut command = git.command(None);
        command
            .args(["ls-remote", "--quiet", "--"])
            .arg(git.url(&order.name))
            .arg(&wanted);
        let listed = git.run(&mut command, Ends::default())?;
        let listed = String::from_utf8_lossy(&listed);
        let newest = listed.lines().find_map(|line| {
            let (commit, name) = line.split_once('\t')?;
            // A pattern matches at the end of longer names, too.
            (name == wanted).then(|| commit.parse().ok())?
        });
        Ok(newest)
    }
}

fn place(order: &GitOrder) -> Place {
    Place {
        commit: order.commit.clone(),
        path: order.path.clone(),
    }
}

/// Takes a folder away; that it is not there is as good.
pub(super) fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
