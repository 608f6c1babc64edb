//! Packs of commits in the bucket, so that a Git host that is down stops no start. What
//! lies here is not trusted: Git's own hashes tell tedix-init whether it is the commit.

use chrono::{DateTime, TimeDelta, Utc};
use domain::problem::Problem;
use domain::state::Digest;
use domain::wire::git::MAX_PACK;

use crate::command::GitTicket;
use crate::internal::stored_length::stored_length;
use crate::ports::objects::{ObjectStore, StoreError};

/// For how long the pack of a commit is kept that no policy names any more.
const KEPT_DAYS: i64 = 30;

/// Key of a commit's pack.
pub(super) fn key(line: &str, commit: &str) -> String {
    format!("{}{commit}", folder(line))
}

fn folder(line: &str) -> String {
    format!("gateways/{line}/git/")
}

/// Whether a commit is one that the policy names: no other is kept or given out.
pub(super) fn check(ticket: &GitTicket, commit: &str) -> Result<(), Problem> {
    if ticket.commit == commit {
        return Ok(());
    }
    Err(Problem::conflict(
        "The policy names another commit by now; fetch the configuration again.",
    ))
}

/// Keeps a pack, and lets go of those that nobody has named for long.
pub(super) async fn keep<S: ObjectStore>(
    store: &S,
    ticket: &GitTicket,
    pack: S::Body,
    length: Option<u64>,
    sha256: Option<Digest>,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let length = stored_length(length, MAX_PACK, "A pack of a repository")?;
    let sha256 =
        sha256.ok_or_else(|| Problem::malformed("The pack comes with its SHA-256 in a header."))?;
    let key = key(&ticket.line, &ticket.commit);
    store.store(&key, pack, length, sha256.0).await?;
    Ok(sweep(store, ticket, now).await?)
}

async fn sweep<S: ObjectStore>(
    store: &S,
    ticket: &GitTicket,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let folder = folder(&ticket.line);
    let old = now - TimeDelta::days(KEPT_DAYS);
    let page = store.list(&folder, None).await?;
    let unnamed = |key: &str| {
        let commit = key.strip_prefix(&folder).unwrap_or_default();
        ticket.pinned.iter().all(|pinned| pinned != commit)
    };
    let gone = page.objects.into_iter();
    let gone = gone.filter(|object| object.uploaded_at < old && unnamed(&object.key));
    let gone: Vec<String> = gone.map(|object| object.key).collect();
    store.delete(&gone).await
}
