//! GitLab's API.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Done, GitApi, Pull, Reply, decode, equal, not_found, only, parameter, text};

impl GitApi {
    pub(super) fn gitlab(&mut self, method: &str, path: &str, body: &Value) -> Done<Reply> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["repository", "branches", branch]) => {
                let branch = decode(branch);
                let found = self.commit_of(&format!("refs/heads/{branch}"));
                Ok(found.map_or_else(not_found, |sha| {
                    (200, json!({"name": branch, "commit": {"id": sha}}))
                }))
            }
            ("GET", ["repository", "files", file]) => {
                let at = parameter(query, "ref").ok_or("no ref")?;
                let name = format!("{at}:{}", decode(file));
                if self.git(&["rev-parse", &name], &[]).is_err() {
                    return Ok(not_found());
                }
                let content = self.raw(&["cat-file", "blob", &name], &[])?;
                let sha256: String = Sha256::digest(&content)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                Ok((200, json!({"content_sha256": sha256})))
            }
            ("POST", ["repository", "commits"]) => {
                let known = [
                    "branch",
                    "start_sha",
                    "commit_message",
                    "author_name",
                    "author_email",
                    "actions",
                ];
                only(body, &known)?;
                let name = format!("refs/heads/{}", text(body, "branch")?);
                let head = self.commit_of(&name);
                let start = body["start_sha"].as_str();
                let parent = match (&head, start) {
                    (Some(head), None) => head.clone(),
                    (None, Some(start)) => start.to_owned(),
                    _ => return Err("start_sha is for a new branch".to_owned()),
                };
                let action = body.pointer("/actions/0").ok_or("no action")?;
                let file = text(action, "file_path")?;
                let there = self.git(&["rev-parse", &format!("{parent}:{file}")], &[]);
                let sha = match (text(action, "action")?, there.is_ok()) {
                    ("create", false) | ("update", true) => {
                        let content = text(action, "content")?.as_bytes();
                        self.git(&["hash-object", "-w", "--stdin"], content)?.into()
                    }
                    ("delete", true) => Value::Null,
                    (action, _) => return Err(format!("{action}: {file}")),
                };
                let entry = json!([{"path": file, "mode": "100644", "type": "blob", "sha": sha}]);
                let tree = self.tree(&format!("{parent}^{{tree}}"), &entry)?;
                let author = json!({"name": body["author_name"], "email": body["author_email"],
                    "date": "2026-01-01T00:00:00Z"});
                let message = text(body, "commit_message")?;
                let sha = self.commit(&tree, &parent, message, &author)?;
                self.write_ref(&name, &sha, head.is_none())?;
                Ok((201, json!({"id": sha})))
            }
            ("GET", ["merge_requests"]) => {
                let branch = parameter(query, "source_branch").map(|branch| decode(&branch));
                let branch = branch.ok_or("no source_branch")?;
                let shown = self.numbered().filter(|(_, pull)| pull.branch == branch);
                let shown: Vec<Value> = shown.map(|(number, pull)| show(number, pull)).collect();
                Ok((200, shown.into()))
            }
            ("POST", ["merge_requests"]) => {
                only(
                    body,
                    &["title", "description", "source_branch", "target_branch"],
                )?;
                let number = self.open(body, "source_branch", "target_branch")?;
                self.shown(201, number, show)
            }
            ("GET", ["merge_requests", number]) => {
                let found = self.known(number);
                Ok(found.map_or_else(not_found, |(number, pull)| (200, show(number, pull))))
            }
            ("PUT", ["merge_requests", number]) => {
                only(body, &["state_event"])?;
                equal(&body["state_event"], "close")?;
                let number = self.close_open(number)?;
                self.shown(200, number, show)
            }
            _ => Err("no such operation".to_owned()),
        }
    }
}

fn show(number: usize, pull: &Pull) -> Value {
    let state = if pull.state == "open" {
        "opened"
    } else {
        pull.state
    };
    json!({"iid": number, "state": state, "merge_commit_sha": pull.merged_as,
            "source_branch": pull.branch, "target_branch": pull.target})
}
