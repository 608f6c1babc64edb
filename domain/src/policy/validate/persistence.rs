//! What is kept, where and for how long.

use super::self_modification::is_path;
use super::{Faults, step};
use crate::policy::document::Persistence;
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
