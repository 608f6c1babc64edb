//! Who did what, when: a chain of entries, see [`domain::audit`].

use chrono::{DateTime, Utc};
use domain::audit::{self, CHAIN_STARTED, Door, Head, NOTHING, Origin, Verification, Verifier};
use domain::wire::gateway::{AuditEntry, Page};

use super::records::{self, Record};
use crate::ports::{Db, Row, StorageError};

/// Entries on one page.
const PAGE: usize = 100;
/// Entries on one page of an export.
const EXPORT_PAGE: usize = 500;
/// Longest detail that is kept, in characters.
const MAX_DETAIL: usize = 2_000;

/// What is to be written down.
#[derive(Debug, Clone, Default)]
pub struct Note<'a> {
    /// Who: an e-mail address, `tedix-init`, or `gateway`.
    pub actor: &'a str,
    /// From where.
    pub origin: Option<&'a Origin>,
    /// What, as `noun.verb`.
    pub action: &'a str,
    /// In a person's words.
    pub detail: &'a str,
    /// Hash of what it changed, before and afterwards.
    pub hashes: (Option<&'a str>, Option<&'a str>),
}

/// Appends an entry about something that changed nothing with a hash. Where it came
/// from is what the actor says: the gateway, the container, or the public door.
///
/// # Errors
/// When the database refuses it.
pub fn append<D: Db>(
    db: &D,
    at: DateTime<Utc>,
    actor: &str,
    action: &str,
    detail: &str,
) -> Result<(), StorageError> {
    record(
        db,
        at,
        &Note {
            actor,
            action,
            detail,
            ..Note::default()
        },
    )
}

/// Appends an entry. Line breaks and other control characters become spaces, so
/// that no entry can look like two.
///
/// # Errors
/// When the database refuses it.
pub fn record<D: Db>(db: &D, at: DateTime<Utc>, note: &Note<'_>) -> Result<(), StorageError> {
    let head = match head(db)? {
        Some(head) => Some(head),
        None => start(db, at)?,
    };
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let door = match note.actor {
        crate::sandbox::core::GATEWAY => Door::Gateway,
        crate::sandbox::core::INIT => Door::Container,
        _ => Door::Public,
    };
    let origin = note.origin.cloned().unwrap_or(Origin {
        door,
        address: None,
        agent: None,
    });
    let entry = AuditEntry {
        seq: 0,
        at,
        actor: note.actor.to_owned(),
        action: note.action.to_owned(),
        detail: note.detail.chars().map(plain).take(MAX_DETAIL).collect(),
        origin: Some(origin),
        before_hash: note.hashes.0.map(str::to_owned),
        after_hash: note.hashes.1.map(str::to_owned),
        previous: None,
        hash: None,
    };
    let (entry, head) = audit::seal(entry, head.as_ref());
    insert(db, &entry, &head)
}

/// The newest entry of the chain; none before it began.
///
/// # Errors
/// When the database fails.
pub fn head<D: Db>(db: &D) -> Result<Option<Head>, StorageError> {
    records::load(db, Record::AuditHead)
}

/// Starts the chain after entries from before there was one, if there are any: the
/// first entry holds a hash over all of them.
///
/// # Errors
/// When the database fails.
pub fn start<D: Db>(db: &D, at: DateTime<Utc>) -> Result<Option<Head>, StorageError> {
    if let Some(head) = head(db)? {
        return Ok(Some(head));
    }
    let (mut folded, mut last) = (NOTHING.to_owned(), 0);
    loop {
        let page = ascending(db, last, EXPORT_PAGE)?;
        let Some(newest) = page.last() else { break };
        last = newest.seq;
        folded = page
            .iter()
            .fold(folded, |so_far, entry| audit::fold(&so_far, entry));
    }
    if last == 0 {
        return Ok(None);
    }
    let entry = AuditEntry {
        seq: last.saturating_add(1),
        at,
        actor: crate::sandbox::core::GATEWAY.to_owned(),
        action: CHAIN_STARTED.to_owned(),
        detail: format!("entries 1 to {last} are from before; this one holds their hash"),
        origin: Some(Origin {
            door: Door::Gateway,
            address: None,
            agent: None,
        }),
        before_hash: Some(folded),
        after_hash: None,
        previous: None,
        hash: None,
    };
    let (entry, head) = audit::start_at(entry);
    insert(db, &entry, &head)?;
    Ok(Some(head))
}

fn insert<D: Db>(db: &D, entry: &AuditEntry, head: &Head) -> Result<(), StorageError> {
    let origin = serde_json::to_string(&entry.origin).map_err(|e| StorageError(e.to_string()))?;
    db.run(
        "INSERT INTO audit
         (seq, at, actor, action, detail, origin, before_hash, after_hash, previous, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            entry.seq.into(),
            entry.at.to_rfc3339().into(),
            entry.actor.as_str().into(),
            entry.action.as_str().into(),
            entry.detail.as_str().into(),
            origin.into(),
            entry.before_hash.as_deref().into(),
            entry.after_hash.as_deref().into(),
            entry.previous.as_deref().into(),
            entry.hash.as_deref().into(),
        ],
    )?;
    // INVARIANT: no await between the two, so they are one step.
    records::save(db, Record::AuditHead, head)
}

/// A page, newest first, of entries before `before`.
///
/// # Errors
/// When the database fails.
pub fn page<D: Db>(db: &D, before: Option<u64>) -> Result<Page<AuditEntry>, StorageError> {
    let rows = db.run(
        &format!("{COLUMNS} WHERE seq < ? ORDER BY seq DESC LIMIT ?"),
        &[records::before(before), (PAGE as u64 + 1).into()],
    )?;
    let items = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    Ok(records::page(items, PAGE, |entry| entry.seq.to_string()))
}

/// A page of an export, oldest first, of entries after `after`.
///
/// # Errors
/// When the database fails.
pub fn export<D: Db>(db: &D, after: u64) -> Result<Page<AuditEntry>, StorageError> {
    let items = ascending(db, after, EXPORT_PAGE + 1)?;
    Ok(records::page(items, EXPORT_PAGE, |entry| {
        entry.seq.to_string()
    }))
}

/// Looks the whole chain through; `known` is a head that somebody kept elsewhere.
///
/// # Errors
/// When the database fails.
pub fn verify<D: Db>(db: &D, known: Option<Head>) -> Result<Verification, StorageError> {
    let mut verifier = Verifier::new(known);
    let mut last = 0;
    loop {
        let page = ascending(db, last, EXPORT_PAGE)?;
        let Some(newest) = page.last() else { break };
        last = newest.seq;
        page.iter().for_each(|entry| verifier.push(entry));
    }
    Ok(verifier.finish(head(db)?.as_ref()))
}

fn ascending<D: Db>(db: &D, after: u64, most: usize) -> Result<Vec<AuditEntry>, StorageError> {
    let rows = db.run(
        &format!("{COLUMNS} WHERE seq > ? ORDER BY seq LIMIT ?"),
        &[after.into(), (most as u64).into()],
    )?;
    rows.iter().map(entry).collect()
}

const COLUMNS: &str = "SELECT seq, at, actor, action, detail, origin, before_hash, after_hash,
    previous, hash FROM audit";

fn entry(row: &Row) -> Result<AuditEntry, StorageError> {
    let origin = row.optional_text(5)?;
    let origin = origin.map(|text| serde_json::from_str(&text)).transpose();
    Ok(AuditEntry {
        seq: row.count(0)?,
        at: records::time(&row.text(1)?)?,
        actor: row.text(2)?,
        action: row.text(3)?,
        detail: row.text(4)?,
        // What cannot be read shows as an entry that was altered, not as a failure.
        origin: origin.unwrap_or_default(),
        before_hash: row.optional_text(6)?,
        after_hash: row.optional_text(7)?,
        previous: row.optional_text(8)?,
        hash: row.optional_text(9)?,
    })
}
