//! `http://state.internal` as tedix-init sees it, in memory.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use domain::state::{Digest, Manifest, SnapshotReason};
use domain::wire::state::{
    Committed, LeaseGrant, LeaseRenewal, Missing, Objects, Restore, SnapshotOrder, StateReport,
};
use serde_json::{Value, json};

use super::CREDENTIAL;

/// Whose state it is.
pub(crate) const LINE: &str = "line-of-the-lab";

/// Keeps generations and says who may write them.
#[derive(Clone)]
pub(crate) struct StateStore {
    port: u16,
    state: Arc<Mutex<State>>,
}

/// What it holds; tests look and meddle.
#[derive(Default)]
pub(crate) struct State {
    /// Packs and indexes.
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Manifests.
    pub(crate) generations: BTreeMap<u64, Vec<u8>>,
    /// What tedix-init said.
    pub(crate) reports: Vec<StateReport>,
    /// What it is to do.
    pub(crate) order: Option<SnapshotOrder>,
    /// Answers 503 to everything.
    pub(crate) away: bool,
    /// Somebody else took the lease.
    pub(crate) taken_away: bool,
    /// Which version of OpenClaw it is to run.
    pub(crate) version: Option<String>,
    /// Knows nothing of versions.
    pub(crate) older: bool,
    /// Versions that it said it could run.
    pub(crate) offered: Vec<String>,
    lease: Option<String>,
    leases: u32,
}

impl StateStore {
    /// Listens on a port of its own.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let server = store.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || {
                    // A caller that goes away in the middle is its own affair.
                    let _ = server.serve(&stream);
                });
            }
        });
        store
    }

    /// Its origin.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it holds.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Wants a snapshot.
    pub(crate) fn order(&self, id: u64, reason: SnapshotReason) {
        self.state().order = Some(SnapshotOrder { id, reason });
    }

    /// The manifests, oldest first.
    pub(crate) fn manifests(&self) -> Vec<Manifest> {
        let state = self.state();
        let generations = state.generations.values();
        generations
            .map(|bytes| Manifest::read(bytes).unwrap())
            .collect()
    }

    /// Whether somebody holds the lease.
    pub(crate) fn is_held(&self) -> bool {
        self.state().lease.is_some()
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let (mut length, mut authorized, mut lease) = (0, false, None);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorized = value == format!("Bearer {CREDENTIAL}"),
                "x-tedix-lease" => lease = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, answer) = if authorized {
            self.answer(&first, lease.as_deref(), &body)
        } else {
            problem(401, "unauthenticated")
        };
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        )?;
        stream.write_all(&answer)
    }

    fn answer(&self, first: &str, lease: Option<&str>, body: &[u8]) -> (u16, Vec<u8>) {
        let mut state = self.state();
        if state.away {
            return problem(503, "unavailable");
        }
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let holds = lease.is_some() && lease == state.lease.as_deref() && !state.taken_away;
        let writes = method == "PUT" || path.starts_with("/v1/lease/");
        if writes && !holds {
            return problem(409, "lease-lost");
        }
        let name = path.rsplit('/').next().unwrap();
        match (method, path) {
            ("POST", "/v1/lease") => {
                let asked: Value = serde_json::from_slice(body).unwrap();
                if state.older && asked.get("openclaw_versions").is_some() {
                    return problem(422, "invalid");
                }
                let offered = asked.get("openclaw_versions").and_then(Value::as_array);
                let offered = offered.into_iter().flatten().filter_map(Value::as_str);
                state.offered = offered.map(str::to_owned).collect();
                state.grant()
            }
            ("POST", "/v1/lease/renew") => json(&LeaseRenewal {
                ttl_seconds: 30,
                snapshot: state.order,
            }),
            ("POST", "/v1/lease/release") => {
                state.lease = None;
                (204, Vec::new())
            }
            ("POST", "/v1/reports") => {
                state.reports.push(serde_json::from_slice(body).unwrap());
                (204, Vec::new())
            }
            ("POST", "/v1/packs/missing") => {
                let asked: Objects = serde_json::from_slice(body).unwrap();
                let keys = asked.objects.iter().map(|object| object.key);
                let there = |key: &Digest| state.objects.contains_key(&key.to_string());
                json(&Missing {
                    missing: keys.filter(|key| !there(key)).collect(),
                })
            }
            ("GET", _) if path.starts_with("/v1/packs/") => {
                let found = state.objects.get(name).cloned();
                found.map_or_else(|| problem(404, "not-found"), |bytes| (200, bytes))
            }
            ("PUT", _) if path.starts_with("/v1/packs/") => {
                assert_eq!(Digest::of(body).to_string(), name);
                state.objects.insert(name.to_owned(), body.to_vec());
                (201, Vec::new())
            }
            ("GET", _) if path.starts_with("/v1/generations/") => {
                let found = state.generations.get(&name.parse().unwrap()).cloned();
                found.map_or_else(|| problem(404, "not-found"), |bytes| (200, bytes))
            }
            ("PUT", _) if path.starts_with("/v1/generations/") => state.commit(name, body),
            _ => problem(404, "not-found"),
        }
    }
}

impl State {
    fn next(&self) -> u64 {
        self.generations
            .keys()
            .next_back()
            .copied()
            .unwrap_or_default()
            + 1
    }

    fn grant(&mut self) -> (u16, Vec<u8>) {
        if self.taken_away {
            return problem(409, "conflict");
        }
        self.leases += 1;
        let lease = format!("lease-{}", self.leases);
        self.lease = Some(lease.clone());
        let candidates: Vec<u64> = self.generations.keys().rev().copied().collect();
        json(&LeaseGrant {
            lease,
            ttl_seconds: 30,
            line: LINE.to_owned(),
            next_generation: self.next(),
            openclaw_version: self.version.clone(),
            restore: if candidates.is_empty() {
                Restore::Nothing
            } else {
                Restore::Newest { candidates }
            },
        })
    }

    fn commit(&mut self, name: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let generation: u64 = name.parse().unwrap();
        if generation != self.next() {
            return problem(409, "conflict");
        }
        let manifest = Manifest::read(body).unwrap();
        manifest.belongs(LINE, generation).unwrap();
        let named = manifest.packs.iter().chain([&manifest.index]);
        let keys = named.map(|object| object.key.to_string());
        let missing: Vec<Value> = keys
            .filter(|key| !self.objects.contains_key(key))
            .map(|key| json!({ "pointer": key, "detail": "is not there" }))
            .collect();
        if !missing.is_empty() {
            let problem = json!({ "type": "urn:tedix:problem:missing-packs", "title": "", "status": 409,
                                  "detail": "send them", "errors": missing });
            return (409, problem.to_string().into_bytes());
        }
        self.generations.insert(generation, body.to_vec());
        json(&Committed {
            generation,
            next_generation: generation + 1,
        })
    }
}

fn json(value: &impl serde::Serialize) -> (u16, Vec<u8>) {
    (200, serde_json::to_vec(value).unwrap())
}

fn problem(status: u16, slug: &str) -> (u16, Vec<u8>) {
    let problem = json!({ "type": format!("urn:tedix:problem:{slug}"), "title": slug, "status": status,
                          "detail": format!("the lab says {slug}") });
    (status, problem.to_string().into_bytes())
}
