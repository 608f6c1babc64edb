//! What surrounds the registry: time, chance, the Pulse, Access and files.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::access::{Identity, TokenError};
use domain::id::GatewayId;
use domain::wire::registry::Heartbeat;

use super::sqlite::Sqlite;
use crate::adapters::sql::SqlStore;
use crate::ports::{
    Assets, Clock, GatewayStore, PortError, PulseStore, Random, Readout, Taken, Verifier,
};
use crate::pulse::fleet::{Fleet, Next};

/// Noon of a day, in Unix milliseconds.
const NOON: i64 = 1_795_348_800_000;

/// What surrounds the registry.
pub(crate) struct Outside {
    now: AtomicI64,
    random: AtomicU64,
    fleet: Mutex<Fleet>,
    store: SqlStore<Sqlite>,
    /// Whether the Pulse fails.
    pub(crate) pulse_is_down: AtomicBool,
    /// Whether Access keys cannot be had.
    pub(crate) keys_are_away: AtomicBool,
}

impl Clock for Outside {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now.load(Ordering::SeqCst)).expect("time")
    }
}

impl Random for Outside {
    fn bytes_32(&self) -> Result<[u8; 32], PortError> {
        let n = self.random.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        let mut bytes = [7; 32];
        bytes[24..].copy_from_slice(&n);
        Ok(bytes)
    }

    fn bytes_10(&self) -> Result<[u8; 10], PortError> {
        let n = self.random.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        let mut bytes = [7; 10];
        bytes[2..].copy_from_slice(&n);
        Ok(bytes)
    }
}

#[async_trait(?Send)]
impl Verifier for Outside {
    async fn verify(&self, token: &str) -> Result<(Identity, Vec<String>), TokenError> {
        if self.keys_are_away.load(Ordering::SeqCst) {
            return Err(TokenError::KeysUnavailable);
        }
        match token {
            "ada" => Ok((
                Identity::Person("ada@example.com".to_owned()),
                vec!["gateway-admins".to_owned()],
            )),
            "grace" | "eve" => Ok((Identity::Person(format!("{token}@example.com")), Vec::new())),
            "service" => Ok((Identity::Service("ada@example.com".to_owned()), Vec::new())),
            "expired" => Err(TokenError::Expired),
            _ => Err(TokenError::Signature),
        }
    }
}

#[async_trait(?Send)]
impl PulseStore for Outside {
    async fn absorb(&self, id: &GatewayId, heartbeat: Heartbeat) -> Result<Taken, PortError> {
        self.pulse_answers()?;
        let now = self.now();
        let next = self.fleet.lock().expect("fleet").absorb(id, heartbeat, now);
        let stale = next == Next::Stale;
        if let Next::Write(vital) = next {
            let live = self.store.record(id, &vital).await?;
            let mut fleet = self.fleet.lock().expect("fleet");
            if live {
                fleet.note_written(id, *vital, now);
            } else {
                fleet.forget(id);
            }
        }
        let interval_seconds = self.fleet.lock().expect("fleet").watch().interval_seconds;
        Ok(Taken {
            interval_seconds,
            stale,
        })
    }

    async fn read(&self, ids: &[GatewayId]) -> Result<Readout, PortError> {
        self.pulse_answers()?;
        let fleet = self.fleet.lock().expect("fleet");
        let seen = |id: &GatewayId| Some((id.clone(), fleet.sighting(id, self.now())?));
        Ok(Readout {
            watch: fleet.watch(),
            sightings: ids.iter().filter_map(seen).collect(),
        })
    }

    async fn forget(&self, id: &GatewayId) -> Result<(), PortError> {
        self.pulse_answers()?;
        self.fleet.lock().expect("fleet").forget(id);
        Ok(())
    }
}

impl Outside {
    pub(super) fn new(store: SqlStore<Sqlite>) -> Self {
        let now = DateTime::from_timestamp_millis(NOON).expect("time");
        Self {
            now: AtomicI64::new(NOON),
            random: AtomicU64::new(1),
            fleet: Mutex::new(Fleet::restore(None, Vec::new(), now)),
            store,
            pulse_is_down: AtomicBool::new(false),
            keys_are_away: AtomicBool::new(false),
        }
    }

    pub(super) fn wait(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(super) fn restart_pulse(&self) {
        *self.fleet.lock().expect("fleet") = Fleet::restore(None, Vec::new(), self.now());
    }

    fn pulse_answers(&self) -> Result<(), PortError> {
        if self.pulse_is_down.load(Ordering::SeqCst) {
            return Err(PortError::Failed("the Pulse is down".to_owned()));
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Assets for Outside {
    async fn get(&self, path: &str, headers: &HeaderMap) -> Result<Response, PortError> {
        let unchanged = headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|tag| tag == "\"1\"");
        let (status, body) = match path {
            "/index.html" | "/assets/app-0123456789ab.js" if unchanged => (304, ""),
            "/index.html" => (200, "<!doctype html>"),
            "/assets/app-0123456789ab.js" => (200, "start()"),
            _ => (404, ""),
        };
        let response = Response::builder()
            .status(status)
            .header(header::ETAG, "\"1\"");
        Ok(response.body(Body::from(body)).expect("response"))
    }
}
