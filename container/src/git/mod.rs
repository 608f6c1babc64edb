//! What comes from Git repositories: skill packs, and what a new workspace begins with.
//!
//! Each is a commit that people chose. Its objects come from the gateway Worker, out of
//! what it keeps or from the Git host, and Git's own hashes tell whether they are the
//! commit's: nothing on the way has to be trusted. One thread does it, so that a Git host
//! that is slow holds up nothing but itself.

mod cache;
mod program;
mod repository;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::git::{PACKS, WORKSPACE, words};
use domain::wire::git::{GitOrder, GitState};

use crate::log;
use crate::privileges::Separation;
use crate::processes::Processes;
use crate::settings::Settings;
use crate::supervisor::Event;
use cache::Cache;
use program::Git;
use repository::Repository;

/// How often branches are looked at for newer commits.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// Wait before what failed is tried again; it doubles.
const AGAIN: Duration = Duration::from_secs(15);
/// Longest such wait.
const AT_MOST: Duration = Duration::from_secs(15 * 60);

/// Brings what is wanted.
#[derive(Debug)]
pub(crate) struct Sources {
    wants: Sender<Want>,
    begun: Begun,
}

/// Files that a workspace began with and nobody has asked for yet. Held while they are put
/// in place, so that whoever sees one there finds it here, too.
type Begun = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

struct Want {
    orders: Vec<GitOrder>,
    /// Told once each has been tried.
    tried: Sender<()>,
}

/// The thread's own.
struct Bringer {
    git: Git,
    cache: Cache,
    /// Where skill packs lie, for everybody to read.
    packs: PathBuf,
    /// OpenClaw's state directory.
    state: PathBuf,
    /// What only root may read.
    own: PathBuf,
    owner: Separation,
    events: Sender<Event>,
    wanted: Vec<GitOrder>,
    states: BTreeMap<String, GitState>,
    begun: Begun,
    reported: Vec<GitState>,
    look_at: Instant,
    again: Option<(Instant, Duration)>,
}

impl Sources {
    /// Begins to wait for orders.
    pub(crate) fn start(
        settings: &Settings,
        processes: Processes,
        owner: Separation,
        events: Sender<Event>,
    ) -> Self {
        let (wants, orders) = channel();
        let own = settings.own_dir().join("git");
        let begun = Begun::default();
        let bringer = Bringer {
            git: Git::new(settings, processes, &own),
            cache: Cache::new(settings),
            packs: settings.data.join("packs"),
            state: settings.state_dir(),
            own,
            owner,
            events,
            wanted: Vec::new(),
            states: BTreeMap::new(),
            begun: Arc::clone(&begun),
            reported: Vec::new(),
            look_at: Instant::now(),
            again: None,
        };
        std::thread::spawn(move || bringer.run(&orders));
        Self { wants, begun }
    }

    /// Files that a workspace began with since this was last asked, by their paths in it.
    pub(crate) fn take_begun(&self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wants these from now on, and waits a while for them.
    pub(crate) fn want(&self, orders: &[GitOrder], wait: Duration) {
        let (tried, done) = channel();
        let orders = orders.to_vec();
        // The thread lives as long as we do.
        let _ = self.wants.send(Want { orders, tried });
        if done.recv_timeout(wait).is_err() && !wait.is_zero() {
            log::line("a Git repository is slow: OpenClaw does not wait for it any longer");
        }
    }
}

impl Bringer {
    fn run(mut self, orders: &Receiver<Want>) {
        if let Err(error) = std::fs::create_dir_all(self.own.join("home")) {
            log::line(&format!("{}: {error}", self.own.display()));
        }
        loop {
            let mut waiting = Vec::new();
            match orders.recv_timeout(self.rest()) {
                Ok(want) => {
                    let newest = orders.try_iter().fold(want, |before, next| {
                        waiting.push(before.tried);
                        next
                    });
                    waiting.push(newest.tried);
                    self.take(newest.orders);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.bring_all();
            self.report();
            for tried in waiting {
                // It may not wait any more.
                let _ = tried.send(());
            }
            self.look();
            self.report();
        }
    }

    fn rest(&self) -> Duration {
        if self.wanted.is_empty() {
            return LOOK_EVERY;
        }
        let again = self.again.map_or(self.look_at, |(at, _)| at);
        let next = again.min(self.look_at);
        next.saturating_duration_since(Instant::now())
    }

    fn take(&mut self, orders: Vec<GitOrder>) {
        if orders == self.wanted {
            return;
        }
        self.states
            .retain(|name, _| orders.iter().any(|order| order.name == *name));
        self.wanted = orders;
        self.again = None;
        self.look_at = Instant::now();
        let named = |name: &str| {
            let mut orders = self.wanted.iter();
            orders.any(|order| order.name.strip_prefix(PACKS) == Some(name))
        };
        for error in tree::remove_others(&self.packs, &named) {
            log::line(&format!("a skill pack that nobody names: {error}"));
        }
    }

    fn bring_all(&mut self) {
        let mut failed = false;
        for order in self.wanted.clone() {
            let repository = Repository::new(&self.own, &order);
            let brought = self.bring(&order, &repository);
            let state = self.states.entry(order.name.clone()).or_default();
            state.name.clone_from(&order.name);
            state.in_use = repository.in_place().map(|place| place.commit);
            state.problem = None;
            if let Err(problem) = brought {
                failed = true;
                let problem = words(&problem);
                log::line(&format!("{}: {problem}", order.name));
                state.problem = Some(problem);
            }
        }
        self.again = failed.then(|| {
            let last = self.again.map_or(AGAIN / 2, |(_, wait)| wait);
            let wait = (last * 2).min(AT_MOST);
            (Instant::now() + wait, wait)
        });
    }

    /// Puts a commit in its place, if it is not there.
    fn bring(&self, order: &GitOrder, repository: &Repository) -> Result<(), String> {
        let place = if order.name == WORKSPACE {
            self.state.join("workspace")
        } else {
            let name = order.name.strip_prefix(PACKS).unwrap_or(&order.name);
            self.packs.join(name)
        };
        let begun = order.name == WORKSPACE && tree::has_something(&place);
        if begun || (repository.holds(order) && place.is_dir()) {
            return Ok(());
        }
        repository.complete(order, &self.git, &self.cache)?;
        let made = repository.export(order, &self.git)?;
        let put = if order.name == WORKSPACE {
            let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
            *begun = tree::files(&made);
            // Never over what an agent has made meanwhile.
            let put = tree::give(&made, self.owner).and_then(|()| tree::begin(&made, &place));
            if put.is_err() {
                begun.clear();
            }
            put
        } else {
            tree::replace(&made, &place)
        };
        put.map_err(|error| format!("{}: {error}", place.display()))?;
        repository.remember(order);
        log::line(&format!("{} is at {}", order.name, order.commit));
        Ok(())
    }

    /// Asks for the newest commits of branches, now and then.
    fn look(&mut self) {
        if self.look_at > Instant::now() {
            return;
        }
        self.look_at = Instant::now() + LOOK_EVERY;
        for order in &self.wanted {
            let Some(branch) = &order.branch else {
                continue;
            };
            let newest = Repository::newest(order, branch, &self.git);
            let Some(state) = self.states.get_mut(&order.name) else {
                continue;
            };
            match newest {
                Ok(newest) => state.available = newest,
                // What is in place does not need the host.
                Err(problem) if state.problem.is_none() => {
                    state.problem = Some(words(&format!("looking for newer commits: {problem}")));
                }
                Err(_) => {}
            }
        }
    }

    fn report(&mut self) {
        let states: Vec<GitState> = self.states.values().cloned().collect();
        if states != self.reported {
            self.reported.clone_from(&states);
            // Nobody is left to tell when the supervisor is gone.
            let _ = self.events.send(Event::Git { states });
        }
    }
}
