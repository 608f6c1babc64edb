//! What tedix-init and the gateway Worker say to each other about snapshots, at
//! `http://state.internal`, with the credential that only PID 1 holds
//! (`Authorization: Bearer …`). Every answer that is not 2xx is a
//! [`crate::problem::Problem`].
//!
//! | call | body → answer |
//! |---|---|
//! | `POST /v1/lease` | [`TakeLease`] → [`LeaseGrant`]; 409 while another holds it (`retry_after_seconds`) |
//! | `POST /v1/lease/renew` | none → [`LeaseRenewal`]; 409 when it was lost: stop writing |
//! | `POST /v1/lease/release` | none → 204 |
//! | `GET /v1/generations` | → [`Generations`], newest first |
//! | `GET /v1/generations/N` | → the manifest, byte for byte; 404 when it is gone |
//! | `PUT /v1/generations/N` | a manifest → [`Committed`]; 409 `missing-packs` with the keys in `errors` (`pointer` = key): send them and try again; 409 `conflict` when N is not newest + 1 |
//! | `POST /v1/packs/missing` | [`Objects`] → [`Missing`] |
//! | `HEAD /v1/packs/SHA` | → `content-length`, 404 |
//! | `GET /v1/packs/SHA` | → the stored bytes, streamed |
//! | `PUT /v1/packs/SHA` | stored bytes with `content-length` → 201; R2 itself checks the SHA-256, 422 when it differs |
//! | `POST /v1/reports` | [`StateReport`] → 204 |
//!
//! `renew`, `release` and every PUT carry the lease in [`LEASE_HEADER`].
//!
//! When a snapshot is wanted the Worker sends SIGHUP to PID 1, which then renews its
//! lease at once and finds the order in [`LeaseRenewal::snapshot`]; a renewal every
//! [`RENEW_SECONDS`] covers a signal that got lost.

use serde::{Deserialize, Serialize};

use crate::state::{Digest, ObjectRef, SnapshotReason};

/// Header that carries the lease.
pub const LEASE_HEADER: &str = "x-tedix-lease";
/// Slug of the 409 that names packs which are not there.
pub const MISSING_PACKS: &str = "missing-packs";
/// Seconds between two renewals of the lease.
pub const RENEW_SECONDS: u64 = 10;
/// Most keys in one [`Objects`].
pub const MAX_KEYS: usize = 1_000;
/// Before a configuration changes, tedix-init takes a snapshot unless the newest is
/// younger than this, in seconds. A stricter configuration never waits for one.
pub const FRESH_SECONDS: u64 = 300;
/// Exit status of tedix-init that refuses to start on nothing while generations exist
/// (`EX_DATAERR` of sysexits.h).
pub const EXIT_NO_STATE: i32 = 65;

/// Body of `POST /v1/lease`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeLease {
    /// Random name of this start of tedix-init, 1 to 64 characters of `a-z0-9-`. The
    /// same one may ask again and gets a new lease.
    pub instance: String,
    /// Versions of OpenClaw that the image offers, its own first. A gateway Worker that
    /// does not know the field refuses it with 422: ask again without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub openclaw_versions: Vec<String>,
}

/// Answer of `POST /v1/lease`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseGrant {
    /// The lease, a secret.
    pub lease: String,
    /// Seconds until it ends unless it is renewed.
    pub ttl_seconds: u64,
    /// Whose state it is; goes into every manifest.
    pub line: String,
    /// Number of the next generation.
    pub next_generation: u64,
    /// What to start from.
    pub restore: Restore,
    /// Which of the versions to run; none for the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openclaw_version: Option<String>,
}

/// What to start from. A generation that does not verify is reported as
/// [`StateReport::Damaged`] whatever comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Restore {
    /// Nothing: there never was a generation, or an admin said so.
    Nothing,
    /// The first of these that verifies; when none does, report
    /// [`StateReport::Refused`] and end with [`EXIT_NO_STATE`].
    Newest {
        /// Generations, newest first; at least one.
        candidates: Vec<u64>,
    },
    /// This one alone, because an admin chose it; when it does not verify, report
    /// [`StateReport::Refused`] and end with [`EXIT_NO_STATE`].
    Chosen {
        /// Which.
        generation: u64,
    },
}

/// Answer of `POST /v1/lease/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRenewal {
    /// Seconds until it ends unless it is renewed.
    pub ttl_seconds: u64,
    /// A snapshot that is wanted and was not taken yet. Orders have rising numbers;
    /// one that is under way or was answered is not begun again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotOrder>,
}

/// A snapshot that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOrder {
    /// Number, counted from 1; goes into [`crate::state::Manifest::order`].
    pub id: u64,
    /// Why.
    pub reason: SnapshotReason,
}

/// `GET /v1/generations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// Those that are in R2, newest first.
    pub generations: Vec<u64>,
}

/// Answer of `PUT /v1/generations/N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Which.
    pub generation: u64,
    /// Number of the one that may follow it.
    pub next_generation: u64,
}

/// Body of `POST /v1/packs/missing`: at most [`MAX_KEYS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// Packs or indexes with their stored sizes.
    pub objects: Vec<ObjectRef>,
}

/// Answer of `POST /v1/packs/missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Those that are not there with that size, in the order of the question.
    pub missing: Vec<Digest>,
}

/// Something that tedix-init has to say about snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StateReport {
    /// The tree is there, every byte verified; OpenClaw starts next.
    Restored {
        /// From this generation; none for an empty tree.
        generation: Option<u64>,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// A generation does not verify; the next candidate is tried, if there is one.
    Damaged {
        /// Which.
        generation: u64,
        /// What is wrong, in a person's words, at most 500 characters.
        detail: String,
    },
    /// None of the generations verifies: it will not start on nothing.
    Refused {
        /// What is wrong, in a person's words, at most 500 characters.
        detail: String,
    },
    /// Nothing has changed since that generation, so no new one was written.
    Unchanged {
        /// Which holds what is there.
        generation: u64,
        /// The order that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<u64>,
    },
    /// A snapshot could not be taken.
    Failed {
        /// Why it was taken.
        reason: SnapshotReason,
        /// The order that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<u64>,
        /// What went wrong, in a person's words, at most 500 characters.
        detail: String,
    },
}
