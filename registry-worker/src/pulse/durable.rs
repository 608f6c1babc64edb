//! The Durable Object around [`Fleet`]: loads, keeps, and tells the database.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::fleet::{TICK, Tick, Vital};
use domain::id::GatewayId;
use domain::wire::registry::Heartbeat;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::{
    DurableObject, Env, Error, Request, Response, Result, SqlStorage, State, console_error,
    durable_object,
};

use super::command::{Command, ReadReply};
use super::fleet::{Fleet, Next};
use crate::adapters::{d1, platform::PlatformClock};
use crate::ports::{Clock, GatewayStore, Taken};

const CREATE: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS vitals (gateway_id TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) \
     WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS tick (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL)",
];
const LOAD_VITALS: &str = "SELECT gateway_id, body FROM vitals";
const LOAD_TICK: &str = "SELECT body FROM tick";
const SAVE_VITAL: &str = "INSERT INTO vitals (gateway_id, body) VALUES (?1, ?2) \
    ON CONFLICT (gateway_id) DO UPDATE SET body = excluded.body";
const SAVE_TICK: &str = "INSERT INTO tick (id, body) VALUES (1, ?1) \
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const DROP_VITAL: &str = "DELETE FROM vitals WHERE gateway_id = ?1";

/// The Durable Object.
#[durable_object(alarm)]
pub struct Pulse {
    state: State,
    env: Env,
    /// Loaded by the first command or alarm.
    fleet: RefCell<Option<Fleet>>,
    /// Whether this instance knows that an alarm is set.
    armed: Cell<bool>,
}

#[derive(Deserialize)]
struct VitalRow {
    gateway_id: GatewayId,
    body: String,
}

#[derive(Deserialize)]
struct TickRow {
    body: String,
}

impl DurableObject for Pulse {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            fleet: RefCell::new(None),
            armed: Cell::new(false),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let command: Command = request.json().await?;
        self.load()?;
        match command {
            Command::Absorb {
                gateway_id,
                heartbeat,
            } => Response::from_json(&self.absorb(&gateway_id, *heartbeat).await?),
            Command::Read { gateway_ids } => Response::from_json(&self.read(&gateway_ids)?),
            Command::Forget { gateway_id } => {
                self.forget(&gateway_id)?;
                Response::from_json(&())
            }
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.load()?;
        let now = PlatformClock.now();
        if self.with(|fleet| fleet.is_empty())? {
            // Nobody to listen to: the object may sleep until the next heartbeat.
            self.armed.set(false);
            return Response::ok("");
        }
        self.tick(now).await?;
        for (id, vital) in self.with(|fleet| fleet.overdue(now))? {
            self.write(&id, vital).await?;
        }
        Response::ok("")
    }
}

impl Pulse {
    async fn absorb(&self, id: &GatewayId, heartbeat: Heartbeat) -> Result<Taken> {
        let now = PlatformClock.now();
        let next = self.with(|fleet| fleet.absorb(id, heartbeat, now))?;
        let stale = next == Next::Stale;
        if let Next::Write(vital) = next {
            self.write(id, *vital).await?;
        }
        if !self.armed.get() && self.state.storage().get_alarm().await?.is_none() {
            self.tick(now).await?;
        }
        self.armed.set(true);
        let interval_seconds = self.with(|fleet| fleet.watch().interval_seconds)?;
        Ok(Taken {
            interval_seconds,
            stale,
        })
    }

    /// Tells the database. If it cannot be told, what it should hear is kept here and
    /// tried again with the next heartbeat or tick: a gateway need not know.
    async fn write(&self, id: &GatewayId, vital: Vital) -> Result<()> {
        match d1::store(&self.env)?.record(id, &vital).await {
            Ok(true) => {
                let now = PlatformClock.now();
                let kept = self.with(|fleet| fleet.note_written(id, vital, now).cloned())?;
                kept.map_or(Ok(()), |vital| self.save(id, &vital))
            }
            // Forgotten while its last heartbeat was under way.
            Ok(false) => self.forget(id),
            Err(error) => {
                console_error!("heartbeat of {id} not written: {error}");
                self.save(id, &vital)
            }
        }
    }

    fn read(&self, ids: &[GatewayId]) -> Result<ReadReply> {
        let now = PlatformClock.now();
        self.with(|fleet| ReadReply {
            watch: fleet.watch(),
            sightings: ids
                .iter()
                .filter_map(|id| Some((id.clone(), fleet.sighting(id, now)?.into())))
                .collect(),
        })
    }

    fn forget(&self, id: &GatewayId) -> Result<()> {
        self.with(|fleet| fleet.forget(id))?;
        self.sql().exec(DROP_VITAL, vec![id.as_str().into()])?;
        Ok(())
    }

    fn save(&self, id: &GatewayId, vital: &Vital) -> Result<()> {
        let body = serde_json::to_string(vital)?;
        self.sql()
            .exec(SAVE_VITAL, vec![id.as_str().into(), body.into()])?;
        Ok(())
    }

    /// Notes that it is up, and sees to it that the next note follows.
    async fn tick(&self, now: DateTime<Utc>) -> Result<()> {
        let tick = serde_json::to_string(&self.with(|fleet| fleet.tick(now))?)?;
        self.sql().exec(SAVE_TICK, vec![tick.into()])?;
        let period = TICK.to_std().unwrap_or(Duration::from_secs(60));
        self.state.storage().set_alarm(period).await?;
        self.armed.set(true);
        Ok(())
    }

    fn load(&self) -> Result<()> {
        if self.fleet.borrow().is_some() {
            return Ok(());
        }
        let sql = self.sql();
        for statement in CREATE {
            sql.exec(statement, None)?;
        }
        let ticks: Vec<TickRow> = sql.exec(LOAD_TICK, None)?.to_array()?;
        let tick: Option<Tick> = ticks.first().and_then(|row| readable(&row.body));
        let rows: Vec<VitalRow> = sql.exec(LOAD_VITALS, None)?.to_array()?;
        let vital = |row: VitalRow| Some((row.gateway_id, readable(&row.body)?));
        let vitals = rows.into_iter().filter_map(vital).collect();
        let fleet = Fleet::restore(tick.as_ref(), vitals, PlatformClock.now());
        self.fleet.replace(Some(fleet));
        Ok(())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Fleet) -> T) -> Result<T> {
        let mut fleet = self
            .fleet
            .try_borrow_mut()
            .map_err(|error| Error::from(error.to_string()))?;
        fleet
            .as_mut()
            .map(act)
            .ok_or_else(|| Error::from("the fleet is not loaded"))
    }

    fn sql(&self) -> SqlStorage {
        self.state.storage().sql()
    }
}

/// What an earlier version kept; left out when this one cannot read it: the next
/// heartbeat brings it again.
fn readable<T: DeserializeOwned>(body: &str) -> Option<T> {
    serde_json::from_str(body)
        .inspect_err(|error| console_error!("Pulse: a kept record cannot be read: {error}"))
        .ok()
}
