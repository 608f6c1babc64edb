//! A stand-in of the REST APIs of GitHub and GitLab, over a real repository.
//!
//! What it is asked for happens in the repository (blobs, trees, commits, references), so
//! that a merged commit can be fetched for real. It checks what it is sent: paths, the
//! token, fields, that nothing is forced and that only branches of the gateway's are
//! written to. It answers what is wrong like the real ones do, and keeps it in `faults`.

mod github;
mod gitlab;
mod repository;

use std::path::PathBuf;

use serde_json::{Value, json};

/// The repository's name at the host.
pub const NAME: &str = "acme/skills";
/// Where GitHub's API is, of a host of one's own.
const GITHUB: &str = "/api/v3/repos/acme/skills/";
/// Where GitLab's API is.
const GITLAB: &str = "/api/v4/projects/acme%2Fskills/";

/// The APIs of one repository.
#[derive(Debug)]
pub struct GitApi {
    folder: PathBuf,
    token: String,
    pulls: Vec<Pull>,
    /// What was asked, in order: method and path.
    pub asked: Vec<String>,
    /// What was wrong with it.
    pub faults: Vec<String>,
}

/// A pull request or merge request.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The branch that it asks to merge.
    pub branch: String,
    target: String,
    /// What it is called.
    pub title: String,
    state: &'static str,
    merged_as: Option<String>,
}

/// A status and a body.
type Reply = (u16, Value);
/// What git refuses, in its words.
type Done<T> = Result<T, String>;

impl GitApi {
    /// Over the repository in a folder, for who has the token.
    #[must_use]
    pub fn new(folder: PathBuf, token: &str) -> Self {
        Self {
            folder,
            token: token.to_owned(),
            pulls: Vec::new(),
            asked: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The pull requests, the first has number 1.
    #[must_use]
    pub fn pulls(&self) -> &[Pull] {
        &self.pulls
    }

    /// Merges a pull request as people do with a button; the commit.
    ///
    /// # Errors
    /// When git refuses it.
    pub fn merge(&mut self, number: usize) -> Done<String> {
        let pull = number.checked_sub(1).and_then(|at| self.pulls.get(at));
        let pull = pull.ok_or("no such pull request")?.clone();
        let message = format!("Merge {}", pull.title);
        self.git(&["checkout", "--quiet", &pull.target], &[])?;
        self.git(
            &["merge", "--quiet", "--no-ff", "-m", &message, &pull.branch],
            &[],
        )?;
        let commit = self.git(&["rev-parse", "HEAD"], &[])?;
        self.set(number, "merged", Some(commit.clone()));
        Ok(commit)
    }

    /// Closes a pull request without merging it.
    pub fn close(&mut self, number: usize) {
        self.set(number, "closed", None);
    }

    /// Closes one that is open, for the API.
    fn close_open(&mut self, number: &str) -> Done<usize> {
        let found = self.known(number).ok_or("no such pull request")?;
        let (number, state) = (found.0, found.1.state);
        if state != "open" {
            return Err(format!("it is {state}"));
        }
        self.close(number);
        Ok(number)
    }

    fn set(&mut self, number: usize, state: &'static str, merged_as: Option<String>) {
        let pull = number.checked_sub(1).and_then(|at| self.pulls.get_mut(at));
        if let Some(pull) = pull {
            (pull.state, pull.merged_as) = (state, merged_as);
        }
    }

    /// Answers a request: `target` is its path and query.
    pub fn answer(
        &mut self,
        method: &str,
        target: &str,
        authorization: Option<&str>,
        body: Option<&Value>,
    ) -> Reply {
        self.asked.push(format!("{method} {target}"));
        if authorization != Some(&format!("Bearer {}", self.token)) {
            self.faults.push(format!("no token: {method} {target}"));
            return (401, json!({"message": "Bad credentials"}));
        }
        let empty = json!({});
        let body = body.unwrap_or(&empty);
        let answered = match (target.strip_prefix(GITHUB), target.strip_prefix(GITLAB)) {
            (Some(path), _) => self.github(method, path, body),
            (_, Some(path)) => self.gitlab(method, path, body),
            _ => Err(format!("no such path: {target}")),
        };
        answered.unwrap_or_else(|why| {
            self.faults.push(format!("{method} {target}: {why}"));
            (422, json!({"message": why}))
        })
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Pull)> {
        (1..).zip(&self.pulls)
    }

    fn known(&self, number: &str) -> Option<(usize, &Pull)> {
        let number: usize = number.parse().ok()?;
        self.numbered().find(|(other, _)| *other == number)
    }

    /// Answers with one that is known, as the host shows it.
    fn shown(&self, status: u16, number: usize, show: fn(usize, &Pull) -> Value) -> Done<Reply> {
        let mut found = self.numbered().filter(|(other, _)| *other == number);
        let (number, pull) = found.next().ok_or("no such pull request")?;
        Ok((status, show(number, pull)))
    }

    fn open(&mut self, body: &Value, from: &str, to: &str) -> Done<usize> {
        let (branch, target) = (text(body, from)?, text(body, to)?);
        for name in [branch, target] {
            let name = format!("refs/heads/{name}");
            self.commit_of(&name).ok_or("no such branch")?;
        }
        let same = |pull: &Pull| pull.branch == branch && pull.state == "open";
        if self.pulls.iter().any(same) {
            return Err("there is one already".to_owned());
        }
        self.pulls.push(Pull {
            branch: branch.to_owned(),
            target: target.to_owned(),
            title: text(body, "title")?.to_owned(),
            state: "open",
            merged_as: None,
        });
        Ok(self.pulls.len())
    }
}

fn not_found() -> Reply {
    (404, json!({"message": "Not Found"}))
}

fn text<'v>(value: &'v Value, key: &str) -> Done<&'v str> {
    value[key]
        .as_str()
        .ok_or_else(|| format!("{key} is missing"))
}

fn equal(value: &Value, wanted: &str) -> Done<()> {
    let same = value == wanted;
    same.then_some(())
        .ok_or_else(|| format!("{value}, not {wanted}"))
}

fn only(body: &Value, known: &[&str]) -> Done<()> {
    let mut keys = body.as_object().ok_or("no object")?.keys();
    match keys.find(|key| !known.contains(&key.as_str())) {
        Some(odd) => Err(format!("{odd} is no field")),
        None => Ok(()),
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(value.to_owned())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
