//! What is kept, where and for how long.

use super::self_modification::is_path;
use super::{Faults, step};
use crate::policy::document::{GitService, Persistence, Promotion};
use crate::policy::value::is_repository;

const REPOSITORY: &str =
    "must be https://host/path, without user, query and fragment; http:// on this machine only";

pub(super) fn check(persistence: &Persistence, faults: &mut Faults) {
    let snapshots = &persistence.snapshots;
    let at = "/persistence";
    if snapshots
        .every
        .as_ref()
        .is_some_and(|every| !(60..=7 * 86_400).contains(&every.seconds()))
    {
        faults.add(format!("{at}/snapshots/every"), "must be PT1M to P7D");
    }
    faults.range(format!("{at}/snapshots/keep"), snapshots.keep, &(1..=1_000));
    if snapshots
        .keep_for
        .as_ref()
        .is_some_and(|time| time.seconds() < 3600)
    {
        faults.add(format!("{at}/snapshots/keep_for"), "must be at least PT1H");
    }
    if persistence
        .sleep_after
        .as_ref()
        .is_some_and(|after| !(300..=7 * 86_400).contains(&after.seconds()))
    {
        faults.add(format!("{at}/sleep_after"), "must be PT5M to P7D");
    }
    for (name, pack) in &persistence.skill_packs {
        let at = format!("{at}/skill_packs/{}", step(name.as_str()));
        if !is_repository(&pack.repository) {
            faults.add(format!("{at}/repository"), REPOSITORY);
        }
        if pack.branch.as_deref().is_some_and(|name| !is_branch(name)) {
            faults.add(format!("{at}/branch"), "must be a branch such as main");
        }
        if pack
            .path
            .as_deref()
            .is_some_and(|path| !is_path(path.trim_end_matches('/')))
        {
            faults.add(
                format!("{at}/path"),
                "must be a folder in the repository, without ..",
            );
        }
        let wanted = PullRequests {
            service: pack.pull_requests,
            promotion: pack.promote,
            repository: &pack.repository,
        };
        wanted.check(&at, faults);
        if pack.pull_requests.is_some() && pack.branch.is_none() {
            faults.add(
                format!("{at}/branch"),
                "must say which branch takes the pull requests",
            );
        }
    }
    faults.too_many(&format!("{at}/skill_packs"), persistence.skill_packs.len());
    if let Some(workspace) = &persistence.workspace {
        if !is_repository(&workspace.repository) {
            faults.add(format!("{at}/workspace/repository"), REPOSITORY);
        }
        if !is_branch(&workspace.branch) {
            faults.add(
                format!("{at}/workspace/branch"),
                "must be a branch such as main",
            );
        }
        let wanted = PullRequests {
            service: workspace.pull_requests,
            promotion: workspace.promote,
            repository: &workspace.repository,
        };
        wanted.check(&format!("{at}/workspace"), faults);
        if workspace.pull_requests.is_some() && workspace.commit.is_none() {
            faults.add(
                format!("{at}/workspace/commit"),
                "must say which commit changes start from",
            );
        }
    }
}

/// What a document says of the pull requests of one repository.
struct PullRequests<'a> {
    service: Option<GitService>,
    promotion: Option<Promotion>,
    repository: &'a str,
}

impl PullRequests<'_> {
    fn check(&self, at: &str, faults: &mut Faults) {
        if self.service.is_none() && self.promotion == Some(Promotion::Merged) {
            faults.add(
                format!("{at}/promote"),
                "takes pull_requests: without any, none is merged",
            );
        }
        let path = self.repository.trim_end_matches('/').splitn(4, '/').nth(3);
        let path = path.unwrap_or_default();
        let path = path.strip_suffix(".git").unwrap_or(path);
        let parts: Vec<&str> = path.split('/').collect();
        let plain = |part: &&str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !part.is_empty() && !matches!(*part, "." | "..") && part.bytes().all(plain)
        };
        let named = parts.iter().all(plain);
        match self.service {
            Some(GitService::Github) if !named || parts.len() != 2 => faults.add(
                format!("{at}/pull_requests"),
                "takes a repository of the form https://host/owner/name",
            ),
            Some(GitService::Gitlab) if !named || parts.len() < 2 => faults.add(
                format!("{at}/pull_requests"),
                "takes a repository of the form https://host/group/name",
            ),
            _ => {}
        }
    }
}

/// What `git check-ref-format --branch` takes, and nothing that reads like an option.
fn is_branch(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    (1..=100).contains(&text.len())
        && text.bytes().all(plain)
        && text.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with(['.'])
                && !part.ends_with(".lock")
        })
        && !text.contains("..")
}
