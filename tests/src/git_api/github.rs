//! GitHub's API.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Done, GitApi, Pull, Reply, decode, equal, not_found, only, parameter, text};

impl GitApi {
    pub(super) fn github(&mut self, method: &str, path: &str, body: &Value) -> Done<Reply> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["git", "ref", "heads", branch @ ..]) => {
                let name = format!("refs/heads/{}", branch.join("/"));
                Ok(self.commit_of(&name).map_or_else(not_found, |sha| {
                    (
                        200,
                        json!({"ref": name, "object": {"type": "commit", "sha": sha}}),
                    )
                }))
            }
            ("GET", ["git", "commits", sha]) => {
                let tree = self.git(&["rev-parse", &format!("{sha}^{{tree}}")], &[]);
                let known = |tree| (200, json!({"sha": sha, "tree": {"sha": tree}}));
                Ok(tree.map_or_else(|_| not_found(), known))
            }
            ("GET", ["contents", file @ ..]) => {
                let at = parameter(query, "ref").ok_or("no ref")?;
                let file = decode(&file.join("/"));
                let found = self.git(&["rev-parse", &format!("{at}:{file}")], &[]);
                Ok(found.map_or_else(|_| not_found(), |sha| (200, json!({"sha": sha}))))
            }
            ("POST", ["git", "blobs"]) => {
                only(body, &["content", "encoding"])?;
                equal(&body["encoding"], "base64")?;
                let content = BASE64_STANDARD.decode(text(body, "content")?);
                let content = content.map_err(|error| error.to_string())?;
                let sha = self.git(&["hash-object", "-w", "--stdin"], &content)?;
                Ok((201, json!({"sha": sha})))
            }
            ("POST", ["git", "trees"]) => {
                only(body, &["base_tree", "tree"])?;
                let sha = self.tree(text(body, "base_tree")?, &body["tree"])?;
                Ok((201, json!({"sha": sha})))
            }
            ("POST", ["git", "commits"]) => {
                only(body, &["message", "tree", "parents", "author", "committer"])?;
                let parent = body
                    .pointer("/parents/0")
                    .and_then(Value::as_str)
                    .ok_or("no parent")?;
                if body["author"] != body["committer"] || body.pointer("/parents/1").is_some() {
                    return Err("one author and one parent".to_owned());
                }
                let (tree, message) = (text(body, "tree")?, text(body, "message")?);
                let sha = self.commit(tree, parent, message, &body["author"])?;
                Ok((201, json!({"sha": sha, "message": message})))
            }
            ("POST", ["git", "refs"]) => {
                only(body, &["ref", "sha"])?;
                let name = text(body, "ref")?;
                self.write_ref(name, text(body, "sha")?, true)?;
                Ok((201, json!({"ref": name})))
            }
            ("PATCH", ["git", "refs", "heads", branch @ ..]) => {
                only(body, &["sha", "force"])?;
                if body["force"] != false {
                    return Err("it is forced".to_owned());
                }
                let name = format!("refs/heads/{}", branch.join("/"));
                self.write_ref(&name, text(body, "sha")?, false)?;
                Ok((200, json!({"ref": name})))
            }
            ("GET", ["pulls"]) => {
                let head = decode(&parameter(query, "head").ok_or("no head")?);
                let base = parameter(query, "base");
                let branch = head
                    .strip_prefix("acme:")
                    .ok_or("a head without its owner")?;
                let fits =
                    |pull: &Pull| pull.branch == branch && Some(&pull.target) == base.as_ref();
                let shown = self.numbered().filter(|(_, pull)| fits(pull));
                let shown: Vec<Value> = shown.map(|(number, pull)| show(number, pull)).collect();
                Ok((200, shown.into()))
            }
            ("POST", ["pulls"]) => {
                only(body, &["title", "body", "head", "base"])?;
                let number = self.open(body, "head", "base")?;
                self.shown(201, number, show)
            }
            ("GET", ["pulls", number]) => {
                let found = self.known(number);
                Ok(found.map_or_else(not_found, |(number, pull)| (200, show(number, pull))))
            }
            ("PATCH", ["pulls", number]) => {
                only(body, &["state"])?;
                equal(&body["state"], "closed")?;
                let number = self.close_open(number)?;
                self.shown(200, number, show)
            }
            _ => Err("no such operation".to_owned()),
        }
    }
}

fn show(number: usize, pull: &Pull) -> Value {
    let state = if pull.state == "open" {
        "open"
    } else {
        "closed"
    };
    json!({"number": number, "state": state, "merged": pull.state == "merged",
            "merge_commit_sha": pull.merged_as, "head": {"ref": pull.branch},
            "base": {"ref": pull.target}})
}
