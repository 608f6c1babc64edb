//! Codes that open one generation to another gateway, for a while. Of a code only its hash
//! is kept.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{constant_time_eq, credential_from, hash_credential};
use domain::problem::Problem;
use domain::secret::Secret;
use domain::wire::clones::{Grant, GrantSnapshot, MAX_CODE, NewGrant};
use serde::{Deserialize, Serialize};

use super::{Core, with_note};
use crate::command::StateTicket;
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::{self, Record};

/// Most grants that have not ended.
const MAX_GRANTS: usize = 20;

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    /// How many there ever were.
    given: u64,
    grants: Vec<Entry>,
}

/// A grant and the hash of its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    grant: Grant,
    hash: String,
}

impl<D: Db> Core<D> {
    /// Makes a code from random bytes.
    ///
    /// # Errors
    /// 404 when there is no such generation, 409 when it is damaged, 429 when there are
    /// many codes already.
    pub fn grant_snapshot(
        &mut self,
        generation: u64,
        asked: GrantSnapshot,
        who: &str,
        random: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<NewGrant, Problem> {
        let snapshot = self.snapshot(generation)?;
        if let Some(damage) = snapshot.damage {
            return Err(Problem::conflict(format!(
                "Generation {generation} is damaged ({damage}); lend another one."
            )));
        }
        let mut book = self.grant_book(now)?;
        if book.grants.len() >= MAX_GRANTS {
            return Err(Problem::too_many(format!(
                "{MAX_GRANTS} grants have not ended yet; end one with DELETE snapshots/N/grants/ID."
            )));
        }
        book.given = book.given.saturating_add(1);
        let code = credential_from("tgr_", random);
        let expires_at = now + TimeDelta::minutes(asked.minutes.into());
        let grant = Grant {
            id: book.given,
            generation,
            by: who.to_owned(),
            created_at: now,
            expires_at,
            used_at: None,
            note: asked.note,
        };
        let what = format!(
            "generation {generation}, grant {}, until {}",
            grant.id,
            expires_at.format("%Y-%m-%dT%H:%M:%SZ")
        );
        let detail = with_note(what, grant.note.as_deref());
        self.note(who, "snapshot.granted", &detail, now)?;
        book.grants.push(Entry {
            grant: grant.clone(),
            hash: hash_credential(&code),
        });
        records::save(&self.db, Record::Grants, &book)?;
        Ok(NewGrant {
            grant,
            code: Secret::new(code),
        })
    }

    /// Those of a generation that have not ended, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn grants_of(
        &self,
        generation: u64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StorageError> {
        let entries = self.grant_book(now)?.grants.into_iter().rev();
        let grants = entries.map(|entry| entry.grant);
        Ok(grants.filter(|g| g.generation == generation).collect())
    }

    /// Ends one before its time.
    ///
    /// # Errors
    /// 404 when there is none, or it has ended.
    pub fn end_grant(
        &mut self,
        generation: u64,
        id: u64,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let mut book = self.grant_book(now)?;
        let before = book.grants.len();
        let this = |entry: &Entry| entry.grant.id == id && entry.grant.generation == generation;
        book.grants.retain(|entry| !this(entry));
        if book.grants.len() == before {
            return Err(Problem::not_found(
                "There is no such grant, or it has ended.",
            ));
        }
        let detail = format!("generation {generation}, grant {id}");
        self.note(who, "snapshot.grant_ended", &detail, now)?;
        records::save(&self.db, Record::Grants, &book)?;
        Ok(())
    }

    /// Whose state a code opens.
    ///
    /// # Errors
    /// 401 when it opens no such generation: never given, ended, or another's.
    pub fn granted(
        &mut self,
        code: &Secret,
        generation: u64,
        line: &str,
        now: DateTime<Utc>,
    ) -> Result<StateTicket, Problem> {
        let refused = || {
            Problem::unauthenticated(
                "This code does not open that generation: it never did, or it has ended. Ask an \
                 admin of this gateway for another.",
            )
        };
        let code = Some(code.expose()).filter(|code| code.len() <= MAX_CODE);
        let hash = hash_credential(code.ok_or_else(refused)?);
        let mut book = self.grant_book(now)?;
        let mut entries = book.grants.iter_mut();
        let entry = entries
            .find(|e| e.grant.generation == generation && constant_time_eq(&e.hash, &hash))
            .ok_or_else(refused)?;
        if entry.grant.used_at.is_none() {
            entry.grant.used_at = Some(now);
            let id = entry.grant.id;
            let detail = format!("generation {generation}, grant {id}");
            self.note(&format!("grant {id}"), "snapshot.grant_used", &detail, now)?;
            records::save(&self.db, Record::Grants, &book)?;
        }
        Ok(self.ticket(line))
    }

    /// Generations that are lent.
    pub(super) fn lent(&self, now: DateTime<Utc>) -> Result<Vec<u64>, StorageError> {
        let grants = self.grant_book(now)?.grants.into_iter();
        Ok(grants.map(|entry| entry.grant.generation).collect())
    }

    /// Without those that have ended.
    fn grant_book(&self, now: DateTime<Utc>) -> Result<Book, StorageError> {
        let mut book: Book = records::load(&self.db, Record::Grants)?.unwrap_or_default();
        book.grants.retain(|entry| entry.grant.expires_at > now);
        Ok(book)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::problem::Problem;
    use domain::secret::Secret;
    use domain::wire::clones::{GrantSnapshot, NewGrant};
    use domain::wire::state::Restore;

    use crate::ports::Db;
    use crate::sandbox::core::snapshots::tests::{Run, minutes};
    use crate::sandbox::core::tests::t0;

    const ADA: &str = "ada@example.com";

    fn run() -> Run {
        let mut run = Run::new();
        run.take(&[], t0());
        run.ready(None, t0());
        run.commit(1, None, minutes(1));
        run.commit(2, None, minutes(2));
        run
    }

    fn lend(run: &mut Run, generation: u64, seed: u8) -> Result<NewGrant, Problem> {
        let asked = GrantSnapshot {
            minutes: 60,
            note: Some("to the new one".into()),
        };
        run.core
            .grant_snapshot(generation, asked, ADA, [seed; 32], minutes(3))
    }

    fn opens(run: &mut Run, code: &Secret, generation: u64, at: DateTime<Utc>) -> bool {
        match run.core.granted(code, generation, "line", at) {
            Ok(ticket) => ticket.line == "line",
            Err(problem) => {
                assert_eq!(problem.status, 401);
                false
            }
        }
    }

    #[test]
    fn a_code_opens_its_generation_until_it_ends() {
        let mut run = run();
        let lent = lend(&mut run, 1, 7).expect("granted");
        assert!(opens(&mut run, &lent.code, 1, minutes(4)));
        assert!(!opens(&mut run, &lent.code, 2, minutes(4)), "another's");
        assert!(
            !opens(&mut run, &lent.code, 1, minutes(63)),
            "its time is over"
        );
        for wrong in [
            "",
            "tgr_",
            &"x".repeat(300),
            &lent.code.expose().to_lowercase(),
        ] {
            assert!(
                !opens(&mut run, &Secret::new(wrong), 1, minutes(4)),
                "{wrong}"
            );
        }
        let used = run.core.grants_of(1, minutes(5)).expect("read");
        assert_eq!(used[0].used_at, Some(minutes(4)));
        run.core
            .end_grant(1, lent.grant.id, ADA, minutes(5))
            .expect("ended");
        assert!(!opens(&mut run, &lent.code, 1, minutes(5)));
        let again = run.core.end_grant(1, lent.grant.id, ADA, minutes(5));
        assert_eq!(again.expect_err("gone").status, 404);
    }

    #[test]
    fn the_code_is_nowhere() {
        let mut run = run();
        let lent = lend(&mut run, 1, 7).expect("granted");
        opens(&mut run, &lent.code, 1, minutes(4));
        let code = lent.code.expose();
        for table in ["records", "audit"] {
            let rows = run.core.db().run(&format!("SELECT * FROM {table}"), &[]);
            let text = format!("{:?}", rows.expect("rows"));
            assert!(!text.contains(code), "{table}");
        }
        let rows = run.core.db().run("SELECT action FROM audit", &[]);
        let text = format!("{:?}", rows.expect("rows"));
        assert!(text.contains("snapshot.granted") && text.contains("snapshot.grant_used"));
    }

    #[test]
    fn only_what_is_there_and_whole_is_lent() {
        let mut run = run();
        assert_eq!(lend(&mut run, 3, 1).expect_err("none").status, 404);
        let damaged = domain::wire::state::StateReport::Damaged {
            generation: 1,
            detail: "a pack is missing".into(),
        };
        run.report(damaged, minutes(3));
        assert_eq!(lend(&mut run, 1, 1).expect_err("damaged").status, 409);
        for seed in 0..20 {
            lend(&mut run, 2, seed).expect("granted");
        }
        assert_eq!(lend(&mut run, 2, 99).expect_err("too many").status, 429);
    }

    #[test]
    fn what_is_lent_is_kept() {
        let mut run = run();
        run.core.newest.document.persistence.snapshots.keep = Some(1);
        lend(&mut run, 1, 7).expect("granted");
        let plan = |run: &mut Run, at| run.sweep(at).map(|plan| plan.remove).unwrap_or_default();
        assert_eq!(plan(&mut run, minutes(10)), [0u64; 0]);
        assert_eq!(plan(&mut run, minutes(70)), [1]);
        assert!(matches!(
            run.take(&[], minutes(71)).restore,
            Restore::Newest { .. }
        ));
    }
}
