//! The audit chain: every entry carries the hash of the one before it, so that an
//! entry that was altered, left out or cut off shows.
//!
//! The chain is as good as the last head that somebody else knows: the gateway
//! tells its registry the head with each heartbeat, and whoever exports the
//! entries keeps it too. Rewriting the whole chain changes every head.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::canonical_hash;
use crate::wire::gateway::AuditEntry;

/// What comes before the first entry of a chain.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Action of the entry that starts a chain after entries from before there was one.
pub const CHAIN_STARTED: &str = "audit.chain_started";

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Which door it came through.
    pub door: Door,
    /// Address of the client, when the platform names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What kind of program it was: `browser`, or the first word that a program
    /// calls itself, such as `curl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// The doors of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The one that people and scripts come through.
    Public,
    /// The one that only the container has.
    Container,
    /// None: the gateway did it by itself.
    Gateway,
}

/// The newest entry of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its position, counted from 1.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An entry is not what its hash was made from.
    Altered,
    /// Entries are missing in between.
    Gap,
    /// An entry does not continue the one before it.
    Unlinked,
    /// An entry of the chain has no hash.
    Unsealed,
    /// The newest entries are missing.
    Truncated,
    /// The entry at a known position is another one: the chain was written anew.
    Rewritten,
}

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where.
    pub seq: u64,
    /// What.
    pub kind: FaultKind,
    /// In a person's words.
    pub detail: String,
}

/// `GET audit/verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether nothing is wrong.
    pub intact: bool,
    /// Entries looked at.
    pub entries: u64,
    /// How many of them are from before there was a chain. The entry that started
    /// it holds a hash over them.
    pub before_chain: u64,
    /// The newest entry; none while there is no chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Hash of an entry: SHA-256 of its canonical JSON without `hash`, in lower-case hex.
#[must_use]
pub fn hash(entry: &AuditEntry) -> String {
    // INVARIANT: an entry has string keys only, so it always has a JSON form.
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("hash");
    }
    canonical_hash(&value)
}

/// Makes an entry the next one of a chain; none as head starts it.
#[must_use]
pub fn seal(mut entry: AuditEntry, head: Option<&Head>) -> (AuditEntry, Head) {
    entry.seq = head.map_or(0, |head| head.seq).saturating_add(1);
    seal_at(entry, head.map_or(NOTHING, |head| head.hash.as_str()))
}

/// Makes an entry the first one of a chain that begins at its own position.
#[must_use]
pub fn start_at(entry: AuditEntry) -> (AuditEntry, Head) {
    seal_at(entry, NOTHING)
}

fn seal_at(mut entry: AuditEntry, previous: &str) -> (AuditEntry, Head) {
    entry.previous = Some(previous.to_owned());
    let hash = hash(&entry);
    entry.hash = Some(hash.clone());
    let seq = entry.seq;
    (entry, Head { seq, hash })
}

/// One hash over entries from before there was a chain, taken in one by one.
#[must_use]
pub fn fold(so_far: &str, entry: &AuditEntry) -> String {
    canonical_hash(&serde_json::json!([so_far, hash(entry)]))
}

/// Whether a later head can continue an earlier one: it is never behind it, and at
/// the same position it is the same.
#[must_use]
pub fn continues(earlier: &Head, later: &Head) -> bool {
    later.seq > earlier.seq || later == earlier
}

/// Class of a `User-Agent`; none when it says nothing usable.
#[must_use]
pub fn agent_class(user_agent: &str) -> Option<String> {
    if user_agent.starts_with("Mozilla/") {
        return Some("browser".to_owned());
    }
    let word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = user_agent.chars().take_while(word).take(32).collect();
    (!name.is_empty()).then_some(name)
}

/// Looks a chain through, entry by entry, oldest first.
#[derive(Debug, Clone)]
pub struct Verifier {
    known: Option<Head>,
    before: u64,
    folded: String,
    entries: u64,
    head: Option<Head>,
    last_seq: u64,
    known_seen: bool,
    fault: Option<Fault>,
}

impl Verifier {
    /// A verifier that also knows an entry from elsewhere, such as the head in an
    /// earlier export.
    #[must_use]
    pub fn new(known: Option<Head>) -> Self {
        Self {
            known,
            before: 0,
            folded: NOTHING.to_owned(),
            entries: 0,
            head: None,
            last_seq: 0,
            known_seen: false,
            fault: None,
        }
    }

    /// Takes in the next entry.
    pub fn push(&mut self, entry: &AuditEntry) {
        self.entries += 1;
        if self.fault.is_none() {
            self.fault = self.fault_of(entry);
        }
        self.last_seq = entry.seq;
        match &entry.hash {
            Some(hash) => {
                self.head = Some(Head {
                    seq: entry.seq,
                    hash: hash.clone(),
                })
            }
            None if self.head.is_none() => {
                self.before += 1;
                self.folded = fold(&self.folded, entry);
            }
            None => {}
        }
    }

    fn fault_of(&mut self, entry: &AuditEntry) -> Option<Fault> {
        let fault = |kind, detail: &str| {
            Some(Fault {
                seq: entry.seq,
                kind,
                detail: detail.to_owned(),
            })
        };
        if entry.seq != self.last_seq.saturating_add(1) {
            let detail = format!(
                "it comes after entry {}; those in between are missing",
                self.last_seq
            );
            return fault(FaultKind::Gap, &detail);
        }
        let Some(own) = &entry.hash else {
            return self.head.as_ref().and_then(|_| {
                fault(
                    FaultKind::Unsealed,
                    "it has no hash, though the chain had begun before it",
                )
            });
        };
        if *own != hash(entry) {
            return fault(FaultKind::Altered, "it is not what its hash was made from");
        }
        let previous = self
            .head
            .as_ref()
            .map_or(NOTHING, |head| head.hash.as_str());
        if entry.previous.as_deref() != Some(previous) {
            return fault(
                FaultKind::Unlinked,
                "it does not continue the entry before it",
            );
        }
        if self.head.is_none()
            && self.before > 0
            && entry.before_hash.as_ref() != Some(&self.folded)
        {
            return fault(
                FaultKind::Altered,
                "entries from before the chain are not those it began with",
            );
        }
        if let Some(known) = self.known.as_ref().filter(|known| known.seq == entry.seq) {
            self.known_seen = true;
            if known.hash != *own {
                return fault(
                    FaultKind::Rewritten,
                    "it is not the entry that was known at this position",
                );
            }
        }
        None
    }

    /// The verdict, against the head that is written down beside the entries.
    #[must_use]
    pub fn finish(mut self, head: Option<&Head>) -> Verification {
        if self.fault.is_none() {
            let newest = [head, self.known.as_ref().filter(|_| !self.known_seen)];
            let newest = newest.into_iter().flatten().max_by_key(|head| head.seq);
            self.fault = newest.and_then(|expected| {
                let truncated = expected.seq > self.last_seq;
                let same = self.head.as_ref() == Some(expected);
                let (kind, detail) = match (truncated, same) {
                    (true, _) => (
                        FaultKind::Truncated,
                        "entries up to this one existed and are gone",
                    ),
                    (false, false) if head == Some(expected) => (
                        FaultKind::Rewritten,
                        "the newest entry is not the one that was written last",
                    ),
                    (false, false) => (
                        FaultKind::Rewritten,
                        "the chain has no entry at this position",
                    ),
                    (false, true) => return None,
                };
                Some(Fault {
                    seq: expected.seq,
                    kind,
                    detail: detail.to_owned(),
                })
            });
        }
        Verification {
            intact: self.fault.is_none(),
            entries: self.entries,
            before_chain: self.before,
            head: self.head,
            fault: self.fault,
        }
    }
}

/// Looks a whole chain through, oldest entry first.
#[must_use]
pub fn verify<'a>(
    entries: impl IntoIterator<Item = &'a AuditEntry>,
    head: Option<&Head>,
) -> Verification {
    let mut verifier = Verifier::new(None);
    entries.into_iter().for_each(|entry| verifier.push(entry));
    verifier.finish(head)
}

#[cfg(test)]
mod tests;
