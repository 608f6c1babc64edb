//! What is done to the repository.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Done, GitApi, equal, text};

/// What our branches' names begin with.
const OURS: &str = "tedix-claw/";

impl GitApi {
    /// A tree with one entry more, or less.
    pub(super) fn tree(&self, base: &str, entries: &Value) -> Done<String> {
        let index = self.folder.join(".git/stand-in-index");
        // It is left from the one before.
        let _ = std::fs::remove_file(&index);
        let run = |arguments: &[&str]| {
            self.run(
                arguments,
                &[],
                &[("GIT_INDEX_FILE", &index.to_string_lossy())],
            )
        };
        run(&["read-tree", base])?;
        for entry in entries.as_array().ok_or("no entries")? {
            let path = text(entry, "path")?;
            equal(&entry["mode"], "100644")?;
            equal(&entry["type"], "blob")?;
            match entry["sha"].as_str() {
                Some(sha) => {
                    let named = format!("100644,{sha},{path}");
                    run(&["update-index", "--add", "--cacheinfo", &named])?;
                }
                None => {
                    run(&["rev-parse", &format!("{base}:{path}")])?;
                    run(&["update-index", "--force-remove", path])?;
                }
            }
        }
        run(&["write-tree"]).map(|bytes| trimmed(&bytes))
    }

    pub(super) fn commit(
        &self,
        tree: &str,
        parent: &str,
        message: &str,
        by: &Value,
    ) -> Done<String> {
        let (name, email, date) = (text(by, "name")?, text(by, "email")?, text(by, "date")?);
        let by = [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_AUTHOR_DATE", date),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
            ("GIT_COMMITTER_DATE", date),
        ];
        let made = self.run(
            &["commit-tree", tree, "-p", parent],
            message.as_bytes(),
            &by,
        );
        made.map(|bytes| trimmed(&bytes))
    }

    /// Moves a branch of ours on, or makes it.
    pub(super) fn write_ref(&self, name: &str, sha: &str, new: bool) -> Done<()> {
        let branch = name.strip_prefix("refs/heads/").unwrap_or_default();
        if !branch.starts_with(OURS) {
            return Err(format!("{name} is not theirs"));
        }
        let before = self.commit_of(name);
        if before.is_some() == new {
            return Err(format!("{name}: reference already exists, or does not"));
        }
        if let Some(before) = &before {
            self.git(&["merge-base", "--is-ancestor", before, sha], &[])
                .map_err(|_| "not a fast forward".to_owned())?;
        }
        self.git(&["update-ref", name, sha], &[]).map(drop)
    }

    pub(super) fn commit_of(&self, name: &str) -> Option<String> {
        self.git(&["rev-parse", "--verify", "--quiet", name], &[])
            .ok()
    }

    pub(super) fn git(&self, arguments: &[&str], input: &[u8]) -> Done<String> {
        self.raw(arguments, input).map(|bytes| trimmed(&bytes))
    }

    pub(super) fn raw(&self, arguments: &[&str], input: &[u8]) -> Done<Vec<u8>> {
        self.run(arguments, input, &[])
    }

    fn run(&self, arguments: &[&str], input: &[u8], more: &[(&str, &str)]) -> Done<Vec<u8>> {
        let words = |error: std::io::Error| error.to_string();
        let mut child = Command::new("git")
            .current_dir(&self.folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(more.iter().copied())
            .args(["-c", "user.name=Bob", "-c", "user.email=bob@example.com"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(words)?;
        if let Some(mut pipe) = child.stdin.take() {
            // A program that does not read it says itself what is wrong.
            let _ = pipe.write_all(input);
        }
        let output = child.wait_with_output().map_err(words)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn trimmed(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
