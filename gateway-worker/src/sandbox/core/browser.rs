//! Browser sessions: which may open, how long they stay, and what they use.
//!
//! The browser belongs to a session here, not to a connection: any number of connections
//! may lead to it, and it is closed when nobody has spoken of it for [`LEASE`], when the
//! day's minutes are used up, when an operator stops everything, when the policy takes
//! the browser away, and when the container ends.

use chrono::{DateTime, TimeDelta, Utc};
use domain::browser::{BrowserRefusal, BrowserUse, by_day, may_go_on, may_open, time_left};
use domain::problem::Problem;
use domain::wire::init::BROWSER_HOST;
use domain::wire::usage::{BrowserReport, RefusalReason};

use super::{Core, GATEWAY, Task};
use crate::command::{BrowserAsk, BrowserRenewal, BrowserTicket};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::audit;
use crate::sandbox::store::browser::{self, OpenSession};

/// How long a session stays that nobody speaks of. The Worker does every ten seconds
/// while something is asked of the browser.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// Most sessions at once, whatever the policy says.
const MOST_OPEN: usize = 100;
/// Most reasons of sessions that ended that are remembered, for whoever is still connected.
const MAX_ENDED: usize = 100;
/// Seconds after which it makes sense to try again while a session is being opened.
const OPENING_RETRY_SECONDS: u32 = 1;
/// The same where as many as may be are open.
const BUSY_RETRY_SECONDS: u32 = 30;

/// What the Durable Object knows of browser sessions; what is open is in the database too.
#[derive(Debug)]
pub(super) struct Browser {
    open: Vec<OpenSession>,
    /// When the day's minutes are used up if nothing changes.
    used_up_at: Option<DateTime<Utc>>,
    /// Sessions of the browser service that are to be closed.
    closing: Vec<String>,
    /// Why sessions ended, newest last.
    ended: Vec<(String, String)>,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserVerdict {
    /// There it is.
    Ticket(BrowserTicket),
    /// It may open: the shell is to have the browser service open it, and to say what
    /// came of that.
    Opening {
        /// Its id.
        session: String,
    },
}

impl Browser {
    pub(super) fn load<D: Db>(db: &D) -> Result<Self, StorageError> {
        let open = browser::load(db)?;
        Ok(Self {
            // Another life of the object may have used time since: it is counted at once.
            used_up_at: open.iter().map(|session| session.counted_to).min(),
            open,
            closing: Vec::new(),
            ended: Vec::new(),
        })
    }

    /// When something is due: a session is given up, or the day's minutes are used up.
    pub(super) fn due_at(&self) -> Option<DateTime<Utc>> {
        let expiries = self.open.iter().map(|session| session.expires_at);
        expiries.chain(self.used_up_at).min()
    }
}

impl<D: Db> Core<D> {
    /// Something about sessions, for whoever shows the running container's key. `id` is random.
    ///
    /// # Errors
    /// 401 for a wrong key, 403 without a browser in the policy, 404 for a session that is
    /// not open, 429 for a limit, 503 while everything is stopped.
    pub fn browser_asked(
        &mut self,
        key: &str,
        ask: &BrowserAsk,
        id: String,
        now: DateTime<Utc>,
    ) -> Result<BrowserVerdict, Problem> {
        if !self.is_model_key(key) {
            self.note_refusal(BROWSER_HOST, now)?;
            self.count_refusal(RefusalReason::WrongKey, None, now)?;
            return Err(Problem::unauthenticated(
                "The key is not that of the running container.",
            ));
        }
        self.needed(now);
        self.look_after_browser(now)?;
        let found = match ask {
            BrowserAsk::Find | BrowserAsk::Share => self.browser.open.last(),
            BrowserAsk::Open => None,
            BrowserAsk::Attach { session } => {
                let open = &self.browser.open;
                let found = open.iter().find(|open| open.id == *session);
                Some(found.ok_or_else(|| {
                    Problem::not_found("There is no such browser session; open another.")
                })?)
            }
        };
        if let Some(session) = found {
            if session.upstream.is_empty() && *ask != BrowserAsk::Find {
                let problem = Problem::unavailable("The browser is being started; try again.");
                return Err(problem.with_retry_after(OPENING_RETRY_SECONDS));
            }
            return Ok(BrowserVerdict::Ticket(BrowserTicket {
                session: session.id.clone(),
                upstream: session.upstream.clone(),
            }));
        }
        self.may_browse(now)?;
        if *ask == BrowserAsk::Find {
            return Ok(BrowserVerdict::Ticket(BrowserTicket::default()));
        }
        let session = OpenSession {
            id: id.clone(),
            upstream: String::new(),
            counted_to: now,
            expires_at: now + LEASE,
        };
        let one = BrowserUse { sessions: 1, ms: 0 };
        browser::charge(&self.db, self.day(now), one)?;
        browser::save(&self.db, &session)?;
        self.browser.open.push(session);
        self.foresee(now)?;
        Ok(BrowserVerdict::Opening { session: id })
    }

    /// The browser service has opened a session, or not. One that was given up meanwhile
    /// is closed.
    ///
    /// # Errors
    /// 502 when it has not, 503 when it was given up.
    pub fn browser_opened(
        &mut self,
        id: &str,
        upstream: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<BrowserTicket, Problem> {
        let open = &mut self.browser.open;
        let session = open.iter_mut().find(|open| open.id == id);
        match (session, upstream) {
            (Some(session), Some(upstream)) => {
                session.upstream.clone_from(&upstream);
                browser::save(&self.db, session)?;
                Ok(BrowserTicket {
                    session: id.to_owned(),
                    upstream,
                })
            }
            (None, Some(upstream)) => {
                self.browser.closing.push(upstream);
                self.tasks.push(Task::CloseBrowsers);
                Err(Problem::unavailable(self.why_ended(id)))
            }
            (_, None) => {
                self.browser.open.retain(|open| open.id != id);
                browser::remove(&self.db, id)?;
                browser::give_back(&self.db, self.day(now))?;
                self.foresee(now)?;
                self.count_refusal(RefusalReason::Provider, None, now)?;
                Err(Problem::unavailable(
                    "The browser service opens no session just now; try again later.",
                ))
            }
        }
    }

    /// Something was asked of a session; whether it may go on.
    ///
    /// # Errors
    /// When the database fails.
    pub fn renew_browser(
        &mut self,
        id: &str,
        used: bool,
        now: DateTime<Utc>,
    ) -> Result<BrowserRenewal, StorageError> {
        self.look_after_browser(now)?;
        let open = &mut self.browser.open;
        let Some(session) = open.iter_mut().find(|open| open.id == id) else {
            return Ok(BrowserRenewal {
                ended: Some(self.why_ended(id)),
            });
        };
        if used {
            session.expires_at = now + LEASE;
            browser::save(&self.db, session)?;
            self.needed(now);
        }
        Ok(BrowserRenewal { ended: None })
    }

    /// What is to be closed at the browser service.
    pub fn browsers_to_close(&mut self) -> Vec<String> {
        std::mem::take(&mut self.browser.closing)
    }

    /// Counts the time that has passed, and closes what may not go on.
    pub(super) fn look_after_browser(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        if self.browser.open.is_empty() {
            // One that did not open leaves this behind, and the alarm would never rest.
            self.browser.used_up_at = None;
            return Ok(());
        }
        let zone = self.newest.document.budgets.time_zone.clone();
        for session in &mut self.browser.open {
            let until = now.min(session.expires_at);
            for (day, ms) in by_day(&zone, session.counted_to, until) {
                browser::charge(&self.db, day, BrowserUse { sessions: 0, ms })?;
            }
            if until > session.counted_to {
                session.counted_to = until;
                browser::save(&self.db, session)?;
            }
        }
        let expired: Vec<String> = self
            .browser
            .open
            .iter()
            .filter(|session| session.expires_at <= now)
            .map(|session| session.id.clone())
            .collect();
        for id in expired {
            self.close_browser(&id, "Nothing was asked of the browser for some time.")?;
        }
        let today = browser::used(&self.db, self.day(now))?;
        let limits = self.newest.document.budgets.browser.clone();
        if let Err(refusal) = may_go_on(limits.as_ref(), today) {
            self.close_browsers(&refusal.words(&self.resets(now)), now)?;
        } else if let Some(why) = self.browsers_stopped() {
            self.close_browsers(&why, now)?;
        } else if !self.state.expects_container() {
            self.close_browsers("The container has ended.", now)?;
        }
        self.foresee(now)
    }

    /// Today's sessions; none when there is nothing to say.
    pub(super) fn browser_report(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Option<BrowserReport>, StorageError> {
        let limits = self.newest.document.budgets.browser.clone();
        let today = browser::used(&self.db, self.day(now))?;
        if limits.is_none() && today == BrowserUse::default() {
            return Ok(None);
        }
        let limits = limits.unwrap_or_default();
        let (zone, day) = (&self.newest.document.budgets.time_zone, self.day(now));
        let not_counted = |session: &OpenSession| {
            let until = now.min(session.expires_at);
            let days = by_day(zone, session.counted_to, until);
            days.into_iter().find(|(of, _)| *of == day)
        };
        let sessions = self.browser.open.iter();
        let under_way: u64 = sessions.filter_map(not_counted).map(|(_, ms)| ms).sum();
        Ok(Some(BrowserReport {
            at_once: limits.sessions.map(u64::from),
            open: self.browser.open.len() as u64,
            sessions_limit: limits.sessions_per_day.map(u64::from),
            sessions: today.sessions,
            minutes_limit: limits.minutes_per_day.map(u64::from),
            seconds: (today.ms + under_way) / 1_000,
        }))
    }

    /// Removes what is older than it is kept for.
    pub(super) fn sweep_browser(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        self.look_after_browser(now)?;
        browser::forget_old(&self.db, now)
    }

    /// Whether a session keeps the container up.
    pub(super) fn is_browsing(&self) -> bool {
        !self.browser.open.is_empty()
    }

    /// When something is due about sessions.
    pub(super) fn browser_due_at(&self) -> Option<DateTime<Utc>> {
        self.browser.due_at()
    }

    fn may_browse(&mut self, now: DateTime<Utc>) -> Result<(), Problem> {
        if let Some(why) = self.browsers_stopped() {
            self.count_refusal(RefusalReason::Stopped, None, now)?;
            return Err(Problem::unavailable(why));
        }
        let today = browser::used(&self.db, self.day(now))?;
        let limits = self.newest.document.budgets.browser.clone();
        let open = self.browser.open.len();
        let refusal = match may_open(limits.as_ref(), open, today) {
            Ok(()) if open < MOST_OPEN => return Ok(()),
            Ok(()) => BrowserRefusal::Sessions {
                most: MOST_OPEN as u32,
            },
            Err(refusal) => refusal,
        };
        self.count_refusal(refusal.reason(), None, now)?;
        let words = refusal.words(&self.resets(now));
        if refusal == BrowserRefusal::NoBrowser {
            return Err(Problem::forbidden(words));
        }
        let seconds = if refusal.is_daily() {
            u32::try_from((self.resets_at(now) - now).num_seconds().max(1)).unwrap_or(u32::MAX)
        } else {
            BUSY_RETRY_SECONDS
        };
        Err(Problem::too_many(words).with_retry_after(seconds))
    }

    fn browsers_stopped(&self) -> Option<String> {
        let stop = self.models_stopped()?;
        Some(format!(
            "{} has stopped all model calls and browser sessions of this gateway, until an \
             operator lifts that.",
            stop.by
        ))
    }

    /// Closes every session, because of something that an operator should know.
    fn close_browsers(&mut self, why: &str, now: DateTime<Utc>) -> Result<(), StorageError> {
        let open: Vec<String> = self.browser.open.iter().map(|one| one.id.clone()).collect();
        if open.is_empty() {
            return Ok(());
        }
        for id in &open {
            self.close_browser(id, why)?;
        }
        let detail = format!("{} browser sessions were closed: {why}", open.len());
        audit::append(&self.db, now, GATEWAY, "browser.closed", &detail)
    }

    fn close_browser(&mut self, id: &str, why: &str) -> Result<(), StorageError> {
        browser::remove(&self.db, id)?;
        let at = self.browser.open.iter().position(|open| open.id == id);
        if let Some(at) = at {
            let session = self.browser.open.remove(at);
            if !session.upstream.is_empty() {
                self.browser.closing.push(session.upstream);
                self.tasks.push(Task::CloseBrowsers);
            }
        }
        if self.browser.ended.len() >= MAX_ENDED {
            self.browser.ended.remove(0);
        }
        self.browser.ended.push((id.to_owned(), why.to_owned()));
        Ok(())
    }

    fn why_ended(&self, id: &str) -> String {
        let ended = self.browser.ended.iter().rev().find(|(of, _)| of == id);
        ended.map_or_else(
            || "The browser session has ended.".to_owned(),
            |(_, why)| why.clone(),
        )
    }

    /// Works out when the day's minutes are used up.
    fn foresee(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        let today = browser::used(&self.db, self.day(now))?;
        let limits = self.newest.document.budgets.browser.as_ref();
        let left = time_left(limits, self.browser.open.len(), today);
        self.browser.used_up_at = left.map(|left| now + left);
        Ok(())
    }

    /// When the day ends, for people.
    fn resets(&self, now: DateTime<Utc>) -> String {
        let zone = &self.newest.document.budgets.time_zone;
        let at = self.resets_at(now);
        let local = at + TimeDelta::seconds(zone.offset_seconds(at));
        format!("{} ({})", local.format("%Y-%m-%d %H:%M"), zone.as_str())
    }
}

#[cfg(test)]
mod tests;
