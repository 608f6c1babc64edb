//! Pull requests over a real repository: the stand-in checks what it is sent.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use chrono::{DateTime, Utc};
use domain::git::Source;
use domain::policy::{CommitId, GitService, Promotion};
use futures_util::FutureExt;

use super::{Failure, FileCommit, GitTokens, Job, Outcome, run};
use crate::ports::{Answer, Ask, GitApi};

#[path = "../../../tests/src/git_api/mod.rs"]
#[expect(
    unreachable_pub,
    reason = "the end-to-end tests have it in their library"
)]
mod stand_in;

/// The host of the repository.
const ORIGIN: &str = "https://git.example.com";
const TOKEN: &str = "a-token";

/// A repository with one commit, and the APIs over it.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    api: RefCell<stand_in::GitApi>,
    /// Whether it answers.
    pub(crate) up: RefCell<bool>,
    token: &'static str,
}

impl Host {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let api = stand_in::GitApi::new(folder.path().to_owned(), TOKEN);
        let host = Self {
            folder,
            api: RefCell::new(api),
            up: RefCell::new(true),
            token: TOKEN,
        };
        host.git(&["init", "--quiet", "--initial-branch=main"]);
        host.write("skills/cook/SKILL.md", "Boil it.\n");
        host
    }

    /// The repository's address.
    pub(crate) fn repository(&self) -> String {
        format!("{ORIGIN}/{}.git", stand_in::NAME)
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.folder.path(), arguments)
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", path]);
    }

    pub(crate) fn head(&self) -> CommitId {
        self.git(&["rev-parse", "main"]).parse().expect("a commit")
    }

    /// What a file holds at a commit or branch.
    pub(crate) fn show(&self, at: &str, path: &str) -> String {
        self.git(&["show", &format!("{at}:{path}")])
    }

    pub(crate) fn merge(&self, number: usize) -> CommitId {
        let commit = self.api.borrow_mut().merge(number).expect("merged");
        commit.parse().expect("a commit")
    }

    pub(crate) fn close(&self, number: usize) {
        self.api.borrow_mut().close(number);
    }

    pub(crate) fn pulls(&self) -> usize {
        self.api.borrow().pulls().len()
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.api.borrow().faults.clone()
    }

    fn asked(&self) -> usize {
        self.api.borrow().asked.len()
    }

    /// Does a job; nothing of it waits.
    pub(crate) fn run(&self, job: &Job) -> Result<Outcome, Failure> {
        run(self, job).now_or_never().expect("never waits")
    }
}

impl GitApi for Host {
    async fn call(&self, ask: Ask) -> Result<Answer, String> {
        if !*self.up.borrow() {
            return Err("nobody is there".to_owned());
        }
        let target = ask.url.strip_prefix(ORIGIN).expect("of this host");
        let token = format!("Bearer {}", self.token);
        let mut api = self.api.borrow_mut();
        let (status, body) = api.answer(ask.method, target, Some(&token), ask.body.as_ref());
        Ok(Answer { status, body })
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

const BRANCH: &str = "tedix-claw/0123456789abcdef/packs-house/1";
const FILE: &str = "skills/cook/SKILL.md";

fn job(host: &Host, service: GitService, change: Option<FileCommit>) -> Job {
    let commit = host.head();
    Job {
        close: false,
        source: Source {
            name: "packs/house".to_owned(),
            repository: host.repository(),
            commit: commit.clone(),
            branch: Some("main".to_owned()),
            path: Some("skills".to_owned()),
            pull_requests: Some(service),
            promotion: Promotion::Manual,
        },
        branch: BRANCH.to_owned(),
        base: commit,
        number: None,
        change,
        title: "Changes".to_owned(),
        body: "Proposed".to_owned(),
        author: (
            "tedix-claw company".to_owned(),
            "noreply@example.com".to_owned(),
        ),
    }
}

fn change(path: &str, text: Option<&str>) -> Option<FileCommit> {
    let at: DateTime<Utc> = "2026-11-22T10:00:00.123Z".parse().expect("a time");
    Some(FileCommit {
        proposal: "p1".to_owned(),
        path: path.to_owned(),
        text: text.map(str::to_owned),
        message: format!("Change {path}\n\nwhy"),
        at,
    })
}

const BOTH: [GitService; 2] = [GitService::Github, GitService::Gitlab];

#[test]
fn a_change_becomes_a_commit_on_a_branch_of_ours_and_a_pull_request_once() {
    for service in BOTH {
        let host = Host::new();
        let before = host.head();
        let mut wanted = job(&host, service, change(FILE, Some("Fry it.\n")));
        let first = host.run(&wanted).expect("done");
        let Outcome::Open { commit, number: 1 } = &first else {
            panic!("{first:?}");
        };
        let commit = commit.clone().expect("a commit").to_string();
        assert_eq!(host.show(BRANCH, FILE), "Fry it.");
        assert_eq!(host.git(&["rev-parse", BRANCH]), commit);
        assert_eq!(
            host.git(&["rev-parse", &format!("{BRANCH}^")]),
            before.as_str()
        );
        assert_eq!(
            host.git(&["log", "-1", "--format=%an %ae %s", BRANCH]),
            format!("tedix-claw company noreply@example.com Change {FILE}")
        );
        assert_eq!(host.head(), before, "nothing but the branch");

        // The answer got lost: the same again makes nothing new.
        assert_eq!(host.run(&wanted), Ok(first));
        assert_eq!(host.pulls(), 1);

        // More comes on top.
        wanted.number = Some(1);
        wanted.change = change("skills/clean/SKILL.md", Some("Ünder \"quotes\"\n"));
        let second = host.run(&wanted).expect("done");
        assert!(
            matches!(&second, Outcome::Open { number: 1, .. }),
            "{second:?}"
        );
        assert_eq!(host.git(&["rev-parse", &format!("{BRANCH}^")]), commit);
        assert_eq!(
            host.show(BRANCH, "skills/clean/SKILL.md"),
            "Ünder \"quotes\""
        );
        wanted.change = change(FILE, None);
        host.run(&wanted).expect("done");
        let left = host.git(&["ls-tree", "-r", "--name-only", BRANCH]);
        assert_eq!(left, "skills/clean/SKILL.md");
        assert_eq!(host.faults(), [""; 0], "{service:?}");
    }
}

#[test]
fn what_the_repository_says_already_is_not_proposed() {
    for service in BOTH {
        let host = Host::new();
        for same in [
            change(FILE, Some("Boil it.\n")),
            change("skills/nothing/SKILL.md", None),
        ] {
            let outcome = host.run(&job(&host, service, same));
            assert_eq!(outcome, Ok(Outcome::Nothing), "{service:?}");
        }
        assert_eq!(host.git(&["branch", "--format=%(refname:short)"]), "main");
        assert_eq!((host.pulls(), host.faults()), (0, vec![]), "{service:?}");
    }
}

#[test]
fn people_decide_at_the_host_and_nothing_is_added_afterwards() {
    for service in BOTH {
        let host = Host::new();
        let mut wanted = job(&host, service, change(FILE, Some("Fry it.\n")));
        host.run(&wanted).expect("done");
        (wanted.number, wanted.change) = (Some(1), None);
        let open = Outcome::Open {
            commit: None,
            number: 1,
        };
        assert_eq!(host.run(&wanted), Ok(open));
        let merged = host.merge(1);
        assert_eq!(host.show(merged.as_str(), FILE), "Fry it.");
        assert_eq!(host.run(&wanted), Ok(Outcome::Merged(merged.clone())));
        let branch = host.git(&["rev-parse", BRANCH]);
        wanted.change = change(FILE, Some("Too late.\n"));
        assert_eq!(host.run(&wanted), Ok(Outcome::Merged(merged)));
        assert_eq!(host.git(&["rev-parse", BRANCH]), branch);
        host.close(1);
        assert_eq!(host.run(&wanted), Ok(Outcome::Closed), "{service:?}");
        assert_eq!(host.faults(), [""; 0]);
    }
}

#[test]
fn what_nobody_wants_any_more_is_closed_once_and_never_what_was_merged() {
    for service in [GitService::Github, GitService::Gitlab] {
        let host = Host::new();
        let first = job(
            &host,
            service,
            change("skills/cook/SKILL.md", Some("Fry it.")),
        );
        let Ok(Outcome::Open { number, .. }) = host.run(&first) else {
            panic!("it opens");
        };
        let unwanted = Job {
            number: Some(number),
            change: None,
            close: true,
            ..first.clone()
        };
        *host.up.borrow_mut() = false;
        assert!(matches!(host.run(&unwanted), Err(Failure::Later(_))));
        *host.up.borrow_mut() = true;
        assert_eq!(host.run(&unwanted), Ok(Outcome::Closed));
        let asked = host.asked();
        assert_eq!(host.run(&unwanted), Ok(Outcome::Closed), "found done");
        assert_eq!(host.asked(), asked + 1, "one look");
        assert_eq!(host.faults(), [""; 0]);
        let host = Host::new();
        let first = job(
            &host,
            service,
            change("skills/cook/SKILL.md", Some("Fry it.")),
        );
        host.run(&first).expect("opens");
        let commit = host.merge(1);
        assert_eq!(host.run(&unwanted), Ok(Outcome::Merged(commit)));
        assert_eq!(host.faults(), [""; 0]);
    }
}

#[test]
fn only_branches_of_ours_are_written_to_and_nothing_else_is_asked() {
    let host = Host::new();
    for branch in ["main", "feature", "tedix-claw/x", "tedix-claw/a/b/../main"] {
        let mut wanted = job(&host, GitService::Github, change(FILE, Some("x")));
        wanted.branch = branch.to_owned();
        assert!(
            matches!(host.run(&wanted), Err(Failure::Refused(_))),
            "{branch}"
        );
    }
    assert_eq!(host.asked(), 0);
}

#[test]
fn what_somebody_added_to_the_branch_stays() {
    for service in BOTH {
        let host = Host::new();
        let mut wanted = job(&host, service, change(FILE, Some("Fry it.\n")));
        host.run(&wanted).expect("done");
        host.git(&["checkout", "--quiet", BRANCH]);
        host.write("skills/theirs.md", "A reviewer's.");
        let theirs = host.git(&["rev-parse", "HEAD"]);
        host.git(&["checkout", "--quiet", "main"]);
        (wanted.number, wanted.change) = (Some(1), change(FILE, Some("Bake it.\n")));
        host.run(&wanted).expect("done");
        assert_eq!(host.git(&["rev-parse", &format!("{BRANCH}^")]), theirs);
        assert_eq!(host.faults(), [""; 0], "{service:?}");
    }
}

#[test]
fn what_the_host_refuses_is_said() {
    let mut host = Host::new();
    let wanted = job(&host, GitService::Github, change(FILE, Some("Fry it.\n")));
    *host.up.borrow_mut() = false;
    let Err(Failure::Later(why)) = host.run(&wanted) else {
        panic!("it answered");
    };
    assert!(why.contains("does not answer"), "{why}");
    *host.up.borrow_mut() = true;
    host.token = "another";
    let Err(Failure::Later(why)) = host.run(&wanted) else {
        panic!("it took it");
    };
    assert!(
        why.contains("401") && why.contains("GIT_API_TOKENS"),
        "{why}"
    );
}

#[test]
fn tokens_are_by_host_and_never_shown() {
    let secret = r#"{"GitHub.com": "t1", "git.example.com:8443": "t2"}"#;
    let tokens = GitTokens::read(secret).expect("read");
    let of = |repository: &str| tokens.of(repository).map(|token| token.expose().to_owned());
    assert_eq!(of("https://github.com/a/b").as_deref(), Some("t1"));
    assert_eq!(
        of("https://git.example.com:8443/a/b").as_deref(),
        Some("t2")
    );
    assert_eq!(of("https://git.example.com/a/b"), None);
    assert_eq!(of("https://github.com.evil.example/a/b"), None);
    assert!(!format!("{tokens:?}").contains("t1"));
    assert!(
        !GitTokens::read("x secret")
            .expect_err("no JSON")
            .contains("secret")
    );
}
