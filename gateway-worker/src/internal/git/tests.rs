//! What a container may ask of a Git host, and what lies in the bucket.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::state::Digest;
use domain::wire::git::MAX_PACK;

use super::cache::{check, keep, key};
use super::request::{GitCredentials, Step, Wanted, upstream, wanted};
use crate::command::GitTicket;
use crate::ports::objects::{Listing, ObjectInfo, ObjectStore, StoreError};
use crate::sandbox::core::tests::t0;

fn commit(digit: &str) -> String {
    digit.repeat(40)
}

#[test]
fn fetching_is_all_that_a_container_can_ask_for() {
    let refs = Some("service=git-upload-pack");
    let step = |method, path, query| wanted(method, path, query).map(|wanted| wanted.step);
    assert_eq!(
        wanted("GET", "/packs/notes/info/refs", refs),
        Ok(Wanted {
            source: "packs/notes".to_owned(),
            step: Step::Advertise
        })
    );
    assert_eq!(
        step("POST", "/workspace/git-upload-pack", None),
        Ok(Step::Fetch)
    );
    let read = Step::Read {
        commit: commit("a"),
    };
    let cache = format!("/workspace/cache/{}", commit("a"));
    assert_eq!(step("GET", &cache, None), Ok(read));
    assert_eq!(step("DELETE", &cache, None).map_err(|p| p.status), Err(405));
    for (method, path, query) in [
        (
            "GET",
            "/packs/notes/info/refs",
            Some("service=git-receive-pack"),
        ),
        ("GET", "/packs/notes/info/refs", None),
        (
            "GET",
            "/packs/notes/info/refs",
            Some("service=git-upload-pack&x=1"),
        ),
        ("POST", "/packs/notes/git-receive-pack", None),
    ] {
        assert_eq!(
            step(method, path, query).map_err(|p| p.status),
            Err(403),
            "{path}"
        );
    }
    for path in [
        "/",
        "/packs/notes",
        "/packs/notes/objects/info/packs",
        "/packs/notes/HEAD",
        "/other/git-upload-pack",
        "/workspace/../packs/notes/git-upload-pack",
        "//git-upload-pack",
    ] {
        assert_eq!(
            step("POST", path, None).map_err(|p| p.status),
            Err(404),
            "{path}"
        );
    }
}

#[test]
fn a_credential_goes_to_its_own_host_alone_and_into_no_log() {
    let secret = r#"{"GitHub.com": "x-access-token:s3cret", "localhost:3000": "u:p"}"#;
    let credentials = GitCredentials::read(secret).expect("read");
    let of = |repository: &str| credentials.authorization(repository);
    assert_eq!(
        of("https://github.com/a/b.git").as_deref(),
        Some("Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0")
    );
    assert!(of("http://localhost:3000/a").is_some());
    for other in [
        "https://github.com.evil.example/a",
        "https://evil.example/github.com",
        "https://github.com:444/a",
        "http://localhost/a",
        "github.com/a",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
    assert!(!format!("{credentials:?}").contains("s3cret"));
    assert!(GitCredentials::read("").is_ok());
    let wrong = GitCredentials::read("s3cret").expect_err("refused");
    assert!(!wrong.contains("s3cret"));
}

#[test]
fn the_host_is_asked_where_the_policy_says() {
    for repository in ["https://a.example/b.git", "https://a.example/b.git/"] {
        assert_eq!(
            upstream(repository, &Step::Advertise).as_deref(),
            Some("https://a.example/b.git/info/refs?service=git-upload-pack")
        );
        assert_eq!(
            upstream(repository, &Step::Fetch).as_deref(),
            Some("https://a.example/b.git/git-upload-pack")
        );
    }
}

/// An object, and when it was written.
type Object = (Vec<u8>, DateTime<Utc>);

/// A bucket in memory.
#[derive(Default)]
struct Bucket(RefCell<BTreeMap<String, Object>>);

impl ObjectStore for Bucket {
    type Body = Vec<u8>;

    async fn head(&self, _: &str) -> Result<Option<ObjectInfo>, StoreError> {
        Ok(None)
    }

    async fn read(&self, key: &str, _: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.borrow().get(key).map(|(bytes, _)| bytes.clone()))
    }

    async fn stream(&self, _: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(None)
    }

    async fn create(&self, _: &str, _: &[u8]) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn store(
        &self,
        key: &str,
        body: Vec<u8>,
        length: u64,
        sha256: [u8; 32],
    ) -> Result<(), StoreError> {
        if body.len() as u64 != length || Digest::of(&body).0 != sha256 {
            return Err(StoreError::Mismatch);
        }
        self.0.borrow_mut().insert(key.to_owned(), (body, t0()));
        Ok(())
    }

    async fn list(&self, prefix: &str, _: Option<&str>) -> Result<Listing, StoreError> {
        let all = self.0.borrow();
        let info = |(key, (bytes, at)): (&String, &Object)| ObjectInfo {
            key: key.clone(),
            bytes: bytes.len() as u64,
            uploaded_at: *at,
        };
        let objects = all.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(Listing {
            objects: objects.map(info).collect(),
            after: None,
        })
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.0.borrow_mut().retain(|key, _| !keys.contains(key));
        Ok(())
    }
}

fn ticket(digit: &str) -> GitTicket {
    GitTicket {
        line: "line".to_owned(),
        repository: "https://a.example/b.git".to_owned(),
        commit: commit(digit),
        pinned: vec![commit(digit)],
    }
}

fn put(
    bucket: &Bucket,
    digit: &str,
    length: Option<u64>,
    sha256: Option<Digest>,
    days: i64,
) -> Result<(), u16> {
    let now = t0() + TimeDelta::days(days);
    let ticket = ticket(digit);
    let kept = keep(bucket, &ticket, b"pack".to_vec(), length, sha256, now);
    at_once(kept).map_err(|problem| problem.status)
}

/// Nothing here ever waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("nothing waits")
}

#[test]
fn a_pack_is_kept_whole_and_old_ones_go() {
    let (bucket, right) = (Bucket::default(), Some(Digest::of(b"pack")));
    assert_eq!(put(&bucket, "a", None, right, 0), Err(411));
    assert_eq!(put(&bucket, "a", Some(0), right, 0), Err(411));
    assert_eq!(put(&bucket, "a", Some(MAX_PACK + 1), right, 0), Err(413));
    assert_eq!(put(&bucket, "a", Some(4), None, 0), Err(400));
    assert_eq!(put(&bucket, "a", Some(5), right, 0), Err(422));
    assert_eq!(
        put(&bucket, "a", Some(4), Some(Digest::of(b"x")), 0),
        Err(422)
    );
    assert_eq!(bucket.0.borrow().len(), 0);

    assert_eq!(put(&bucket, "a", Some(4), right, 0), Ok(()));
    assert_eq!(put(&bucket, "b", Some(4), right, 29), Ok(()));
    let keys = |bucket: &Bucket| bucket.0.borrow().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&bucket),
        [key("line", &commit("a")), key("line", &commit("b"))]
    );
    assert_eq!(put(&bucket, "b", Some(4), right, 31), Ok(()));
    assert_eq!(keys(&bucket), [key("line", &commit("b"))]);
}

#[test]
fn only_the_commit_of_the_policy_is_kept_or_given_out() {
    assert!(check(&ticket("a"), &commit("a")).is_ok());
    for other in [commit("b").as_str(), "", "../x", "HEAD"] {
        let refused = check(&ticket("a"), other).expect_err("refused");
        assert_eq!(refused.status, 409, "{other}");
    }
}
