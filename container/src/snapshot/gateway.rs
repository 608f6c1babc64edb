//! The gateway Worker as the store, at `http://state.internal`, and the lease by which it
//! knows who may write.

use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::problem::{Problem, TYPE_PREFIX};
use domain::secret::Secret;
use domain::state::{Digest, MAX_MANIFEST, ObjectRef};
use domain::wire::state::{
    LEASE_HEADER, LeaseGrant, LeaseRenewal, MAX_KEYS, MISSING_PACKS, Missing, Objects, StateReport,
    TakeLease,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::store::{Store, StoreError};
use crate::governance::agent;

/// A pack of 8 MiB is on its way to R2 for a second or two; the Worker may be starting.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer but an object that is read, in bytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;
/// How often an object is tried before the snapshot or the restore is given up, and the
/// wait before the second try; it doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// The gateway Worker.
#[derive(Debug)]
pub(super) struct Gateway {
    agent: Agent,
    origin: String,
    credential: Secret,
    lease: Mutex<Option<Secret>>,
}

/// Why there is no lease.
#[derive(Debug)]
pub(super) enum NoLease {
    /// Another container holds it for so long at most.
    Held(Duration),
    /// The gateway Worker keeps no state (501).
    NoStore,
    /// The store says something else.
    Store(StoreError),
}

impl Gateway {
    pub(super) fn new(origin: String, credential: Secret) -> Self {
        Self {
            agent: agent(TIMEOUT),
            origin,
            credential,
            lease: Mutex::default(),
        }
    }

    /// Takes the lease, and keeps it for what is written from now on.
    pub(super) fn take_lease(
        &self,
        instance: &str,
        versions: &[String],
    ) -> Result<LeaseGrant, NoLease> {
        let ask = |versions: &[String]| {
            let body = TakeLease {
                instance: instance.to_owned(),
                openclaw_versions: versions.to_vec(),
            };
            self.post::<_, LeaseGrant>("/v1/lease", &body)
        };
        let mut answer = ask(versions);
        if matches!(&answer, Err(Failure::Problem(problem)) if problem.status == 422) {
            // An older gateway Worker, which knows one version only.
            answer = ask(&[]);
        }
        match answer {
            Ok(grant) => {
                *self.lease() = Some(Secret::new(grant.lease.clone()));
                Ok(grant)
            }
            Err(Failure::Problem(problem)) if problem.status == 409 => {
                let seconds = problem.retry_after_seconds.unwrap_or(5).clamp(1, 60);
                Err(NoLease::Held(Duration::from_secs(seconds.into())))
            }
            Err(Failure::Problem(problem)) if problem.status == 501 => Err(NoLease::NoStore),
            Err(failure) => Err(NoLease::Store(failure.into())),
        }
    }

    /// Keeps the lease; what the Worker wants.
    pub(super) fn renew(&self) -> Result<LeaseRenewal, StoreError> {
        let answer = self.send(self.agent.post(self.url("/v1/lease/renew")), |request| {
            request.send_empty()
        });
        Ok(json(answer?)?)
    }

    /// Lets another container write.
    pub(super) fn release(&self) -> Result<(), StoreError> {
        let url = self.url("/v1/lease/release");
        self.send(self.agent.post(url), |request| request.send_empty())?;
        *self.lease() = None;
        Ok(())
    }

    /// Says what happened.
    pub(super) fn report(&self, report: &StateReport) -> Result<(), StoreError> {
        let url = self.url("/v1/reports");
        self.send(self.agent.post(url), |request| request.send_json(report))?;
        Ok(())
    }

    fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, Failure> {
        json(self.send(self.agent.post(self.url(path)), |request| {
            request.send_json(body)
        })?)
    }

    /// Sends a request with who we are and what we hold.
    fn send<K>(
        &self,
        request: ureq::RequestBuilder<K>,
        send: impl FnOnce(ureq::RequestBuilder<K>) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = request.header(
            "Authorization",
            format!("Bearer {}", self.credential.expose()),
        );
        if let Some(lease) = self.lease().as_ref() {
            request = request.header(LEASE_HEADER, lease.expose());
        }
        let answer = send(request).map_err(|error| Failure::Away(error.to_string()))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let problem = json::<Problem>(answer).unwrap_or_else(|_| {
            Problem::new(
                status,
                "unknown",
                "No reason",
                format!("the gateway Worker answered {status}"),
            )
        });
        Err(Failure::Problem(Box::new(Problem { status, ..problem })))
    }

    fn lease(&self) -> MutexGuard<'_, Option<Secret>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Tries again while the store is away; a snapshot of a gigabyte survives a restart
    /// of the Worker.
    fn patiently<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match attempt() {
                Err(StoreError::Away(_)) => std::thread::sleep(pause),
                other => return other,
            }
            pause *= 2;
        }
        attempt()
    }
}

impl Store for Gateway {
    fn missing(&self, objects: &[ObjectRef]) -> Result<Vec<Digest>, StoreError> {
        let mut missing = Vec::new();
        for part in objects.chunks(MAX_KEYS) {
            let body = Objects {
                objects: part.to_vec(),
            };
            let found: Missing = self.patiently(|| Ok(self.post("/v1/packs/missing", &body)?))?;
            missing.extend(found.missing);
        }
        Ok(missing)
    }

    fn object(&self, object: &ObjectRef) -> Result<Vec<u8>, StoreError> {
        let url = self.url(&format!("/v1/packs/{}", object.key));
        self.patiently(|| {
            let answer = self.send(self.agent.get(&url), ureq::RequestBuilder::call)?;
            Ok(bytes(answer, object.bytes)?)
        })
    }

    fn put_object(&self, key: Digest, stored: &[u8]) -> Result<(), StoreError> {
        let url = self.url(&format!("/v1/packs/{key}"));
        self.patiently(|| {
            let request = self
                .agent
                .put(&url)
                .header("Content-Type", "application/octet-stream");
            self.send(request, |request| request.send(stored))?;
            Ok(())
        })
    }

    fn manifest(&self, generation: u64) -> Result<Vec<u8>, StoreError> {
        let url = self.url(&format!("/v1/generations/{generation}"));
        self.patiently(|| {
            let answer = self.send(self.agent.get(&url), ureq::RequestBuilder::call)?;
            Ok(bytes(answer, MAX_MANIFEST as u64)?)
        })
    }

    fn commit(&self, generation: u64, manifest: &[u8]) -> Result<(), StoreError> {
        let url = self.url(&format!("/v1/generations/{generation}"));
        self.patiently(|| {
            let request = self
                .agent
                .put(&url)
                .header("Content-Type", "application/json");
            self.send(request, |request| request.send(manifest))?;
            Ok(())
        })
    }
}

/// Why there is no answer to work with.
enum Failure {
    Away(String),
    Problem(Box<Problem>),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let problem = match failure {
            Failure::Away(why) => return Self::Away(why),
            Failure::Problem(problem) => problem,
        };
        let slug = problem.kind.strip_prefix(TYPE_PREFIX).unwrap_or_default();
        match (problem.status, slug) {
            (408 | 429 | 500.., _) => Self::Away(problem.detail),
            (404, _) => Self::Absent(problem.detail),
            (409, MISSING_PACKS) => {
                let keys = problem.errors.iter();
                let keys =
                    keys.filter_map(|error| error.pointer.trim_start_matches('/').parse().ok());
                Self::MissingPacks(keys.collect())
            }
            (409, "conflict") => Self::Conflict(problem.detail),
            (409, _) => Self::LeaseLost(problem.detail),
            _ => Self::Refused(problem.detail),
        }
    }
}

fn json<T: DeserializeOwned>(answer: Response<Body>) -> Result<T, Failure> {
    let body = bytes(answer, MAX_ANSWER)?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::Away(format!(
            "the gateway Worker's answer cannot be read: {error}"
        ))
    })
}

/// A body, at most one byte longer than it should be.
fn bytes(mut answer: Response<Body>, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(usize::try_from(limit.min(MAX_ANSWER)).unwrap_or_default());
    let reader = answer.body_mut().as_reader();
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Away(error.to_string()))?;
    Ok(bytes)
}
