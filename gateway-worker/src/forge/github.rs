//! GitHub's REST API: its Git database, references and pull requests.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::SecondsFormat;
use domain::policy::CommitId;
use serde_json::{Value, json};

use super::client::{Client, encode, number, object, odd, text};
use super::{Failure, FileCommit, Progress};
use crate::ports::GitApi;

/// Adds a commit to the branch; the newest commit of the branch, or none when there is no
/// branch and nothing to put there.
pub(super) async fn commit<A: GitApi>(
    client: &Client<'_, A>,
    change: &FileCommit,
) -> Result<Option<CommitId>, Failure> {
    let name = format!("heads/{}", client.job.branch);
    let found = client.get(&format!("git/ref/{name}")).await?;
    let head = match &found {
        Some(found) if text(found, "/ref")? != format!("refs/{name}") => {
            return Err(odd("another reference"));
        }
        Some(found) => Some(object(found, "/object/sha")?),
        None => None,
    };
    let parent = head.as_ref().unwrap_or(&client.job.base);
    let Some(tree) = tree(client, parent, change).await? else {
        return Ok(head);
    };
    let (name_of, email) = &client.job.author;
    let by = json!({"name": name_of, "email": email, "date": change.at.to_rfc3339_opts(SecondsFormat::Secs, true)});
    let body = json!({"message": change.message, "tree": tree, "parents": [parent],
        "author": by, "committer": by});
    let commit = client.send("POST", "git/commits", body).await?;
    let commit = object(&commit, "/sha")?;
    match head {
        // INVARIANT: never forced, so that nothing on the branch is lost.
        Some(_) => {
            let body = json!({"sha": commit, "force": false});
            let path = format!("git/refs/{name}");
            client.send("PATCH", &path, body).await?;
        }
        None => {
            let body = json!({"ref": format!("refs/{name}"), "sha": commit});
            client.send("POST", "git/refs", body).await?;
        }
    }
    Ok(Some(commit))
}

/// The tree of a commit with the change in it; none when it is as the change wants it.
async fn tree<A: GitApi>(
    client: &Client<'_, A>,
    parent: &CommitId,
    change: &FileCommit,
) -> Result<Option<CommitId>, Failure> {
    let commit = client.get(&format!("git/commits/{parent}")).await?;
    let commit = commit
        .ok_or_else(|| Failure::Later(format!("the Git host does not know the commit {parent}")))?;
    let before = object(&commit, "/tree/sha")?;
    let blob = match &change.text {
        Some(text) => {
            let content = BASE64_STANDARD.encode(text);
            let body = json!({"content": content, "encoding": "base64"});
            let blob = client.send("POST", "git/blobs", body).await?;
            Value::from(object(&blob, "/sha")?.as_str())
        }
        None => {
            // What is not there cannot be taken away: the host would refuse it.
            let path = encode(&change.path, true);
            let there = client.get(&format!("contents/{path}?ref={parent}")).await?;
            if there.is_none() {
                return Ok(None);
            }
            Value::Null
        }
    };
    let entry = json!({"path": change.path, "mode": "100644", "type": "blob", "sha": blob});
    let body = json!({"base_tree": before, "tree": [entry]});
    let tree = client.send("POST", "git/trees", body).await?;
    let tree = object(&tree, "/sha")?;
    Ok((tree != before).then_some(tree))
}

/// The pull request of the branch, a new one if need be.
pub(super) async fn open<A: GitApi>(client: &Client<'_, A>) -> Result<u64, Failure> {
    let (branch, target) = (&client.job.branch, client.target);
    let head = encode(&format!("{}:{branch}", client.owner), false);
    let base = encode(target, false);
    let query = format!("pulls?state=all&head={head}&base={base}");
    let found = client.get(&query).await?.unwrap_or_default();
    let ours = |pull: &&Value| pull.pointer("/head/ref").and_then(Value::as_str) == Some(branch);
    let found = found.as_array().and_then(|found| found.iter().find(ours));
    if let Some(found) = found {
        return number(found, "/number");
    }
    let job = client.job;
    let body = json!({"title": job.title, "body": job.body, "head": branch, "base": target});
    let made = client.send("POST", "pulls", body).await?;
    number(&made, "/number")
}

/// Closes a pull request; its branch stays.
pub(super) async fn close<A: GitApi>(client: &Client<'_, A>, number: u64) -> Result<(), Failure> {
    let body = json!({"state": "closed"});
    let path = format!("pulls/{number}");
    client.send("PATCH", &path, body).await.map(drop)
}

/// How far a pull request is.
pub(super) async fn look<A: GitApi>(
    client: &Client<'_, A>,
    number: u64,
) -> Result<Progress, Failure> {
    let pull = client.get(&format!("pulls/{number}")).await?;
    let pull = pull.ok_or_else(|| odd("no such pull request"))?;
    if text(&pull, "/head/ref")? != client.job.branch {
        return Err(odd("another pull request"));
    }
    let merged = pull.get("merged").and_then(Value::as_bool);
    match (text(&pull, "/state")?, merged) {
        ("closed", Some(true)) if text(&pull, "/base/ref")? != client.target => {
            Ok(Progress::Closed)
        }
        ("closed", Some(true)) => Ok(Progress::Merged(object(&pull, "/merge_commit_sha")?)),
        ("closed", _) => Ok(Progress::Closed),
        _ => Ok(Progress::Open),
    }
}
