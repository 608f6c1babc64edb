//! GitLab's REST API: commits and merge requests.

use domain::policy::CommitId;
use domain::state::Digest;
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
    let branch = &client.job.branch;
    let path = format!("repository/branches/{}", encode(branch, false));
    let found = client.get(&path).await?;
    let head = match &found {
        Some(found) if text(found, "/name")? != branch => return Err(odd("another branch")),
        Some(found) => Some(object(found, "/commit/id")?),
        None => None,
    };
    let at = head.as_ref().unwrap_or(&client.job.base);
    let file = encode(&change.path, false);
    let file = client
        .get(&format!("repository/files/{file}?ref={at}"))
        .await?;
    let action = match (&file, &change.text) {
        (None, None) => return Ok(head),
        (Some(_), None) => json!({"action": "delete", "file_path": change.path}),
        (Some(file), Some(content)) => {
            let sha256 = Digest::of(content.as_bytes()).to_string();
            if text(file, "/content_sha256")? == sha256 {
                return Ok(head);
            }
            json!({"action": "update", "file_path": change.path, "content": content})
        }
        (None, Some(content)) => {
            json!({"action": "create", "file_path": change.path, "content": content})
        }
    };
    let (name, email) = &client.job.author;
    let mut body = json!({"branch": branch, "commit_message": change.message,
        "author_name": name, "author_email": email, "actions": [action]});
    if let (None, Some(body)) = (&head, body.as_object_mut()) {
        body.insert("start_sha".to_owned(), client.job.base.as_str().into());
    }
    let made = client.send("POST", "repository/commits", body).await?;
    object(&made, "/id").map(Some)
}

/// The merge request of the branch, a new one if need be.
pub(super) async fn open<A: GitApi>(client: &Client<'_, A>) -> Result<u64, Failure> {
    let (branch, target) = (&client.job.branch, client.target);
    let (from, to) = (encode(branch, false), encode(target, false));
    let query = format!("merge_requests?state=all&source_branch={from}&target_branch={to}");
    let found = client.get(&query).await?.unwrap_or_default();
    let ours =
        |request: &&Value| request.get("source_branch").and_then(Value::as_str) == Some(branch);
    let found = found.as_array().and_then(|found| found.iter().find(ours));
    if let Some(found) = found {
        return number(found, "/iid");
    }
    let job = client.job;
    let body = json!({"title": job.title, "description": job.body, "source_branch": branch,
        "target_branch": target});
    let made = client.send("POST", "merge_requests", body).await?;
    number(&made, "/iid")
}

/// Closes a merge request; its branch stays.
pub(super) async fn close<A: GitApi>(client: &Client<'_, A>, number: u64) -> Result<(), Failure> {
    let body = json!({"state_event": "close"});
    let path = format!("merge_requests/{number}");
    client.send("PUT", &path, body).await.map(drop)
}

/// How far a merge request is.
pub(super) async fn look<A: GitApi>(
    client: &Client<'_, A>,
    number: u64,
) -> Result<Progress, Failure> {
    let request = client.get(&format!("merge_requests/{number}")).await?;
    let request = request.ok_or_else(|| odd("no such merge request"))?;
    if text(&request, "/source_branch")? != client.job.branch {
        return Err(odd("another merge request"));
    }
    match text(&request, "/state")? {
        "merged" if text(&request, "/target_branch")? != client.target => Ok(Progress::Closed),
        "merged" => {
            // A merge commit, a squashed one, or none of its own: the branch itself went on.
            let names = ["/merge_commit_sha", "/squash_commit_sha", "/sha"];
            let named = |name: &&str| request.pointer(name).is_some_and(Value::is_string);
            let name = names.into_iter().find(|name| named(name));
            let name = name.ok_or_else(|| odd("no commit"))?;
            Ok(Progress::Merged(object(&request, name)?))
        }
        "closed" => Ok(Progress::Closed),
        _ => Ok(Progress::Open),
    }
}
