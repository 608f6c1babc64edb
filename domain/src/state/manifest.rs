//! A generation: the object that makes it one.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Damage, Digest, MAX_INDEX_RAW, MAX_MANIFEST, MAX_OBJECT, MAX_PACKS, MAX_TREE};

/// Longest text of a manifest's own fields, in bytes.
const MAX_TEXT: usize = 200;

/// One generation of a gateway's state. It is written after everything that it names,
/// never written over, and small: files are in the [`super::Index`] that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format, [`super::SCHEMA`].
    pub schema: u32,
    /// Whose state it is: [`crate::wire::state::LeaseGrant::line`].
    pub line: String,
    /// Number in that line, counted from 1.
    pub generation: u64,
    /// The generation that was restored or written before it; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// When the files were looked at.
    pub created_at: DateTime<Utc>,
    /// Why it was taken.
    pub reason: SnapshotReason,
    /// The order that it fulfils.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// Version of tedix-init.
    pub tedix_version: String,
    /// Version of OpenClaw, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openclaw_version: Option<String>,
    /// Policy version in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
    /// Hash of the configuration in place, as in [`crate::wire::init::ConfigBundle`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_hash: Option<String>,
    /// The tree.
    pub index: ObjectRef,
    /// Packs that the index names, in the order of their keys.
    pub packs: Vec<ObjectRef>,
    /// What it adds up to.
    pub totals: Totals,
    /// The generation of another gateway that it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned_from: Option<ClonedFrom>,
}

/// Where a copied generation comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClonedFrom {
    /// Origin of the gateway that it was fetched from.
    pub gateway: String,
    /// That gateway's line.
    pub line: String,
    /// Its number there.
    pub generation: u64,
}

/// Why a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotReason {
    /// It was time.
    Schedule,
    /// Somebody asked for it.
    Demand,
    /// A device was paired or let go.
    Pairing,
    /// A configuration is about to change.
    BeforeApply,
    /// OpenClaw's version is about to change.
    BeforeUpgrade,
    /// The container is about to end.
    Stop,
    /// It was copied from another gateway.
    Clone,
}

/// An object named by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    /// SHA-256 of its stored bytes, and its name.
    pub key: Digest,
    /// Its stored size in bytes.
    pub bytes: u64,
    /// Its size once decompressed.
    pub raw_bytes: u64,
}

/// What a generation adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Files, without directories and links.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes stored for it, those shared with other generations included.
    pub stored_bytes: u64,
    /// Bytes that were sent for it and were not there before, the manifest left out.
    pub sent_bytes: u64,
    /// Things that were left out, such as sockets and names that are not UTF-8.
    pub skipped: u64,
}

impl Manifest {
    /// Reads a manifest strictly and checks it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        if bytes.len() > MAX_MANIFEST {
            return Err(Damage::new("the manifest is too large"));
        }
        let manifest: Self = super::read("manifest", bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Checks that it is the generation of that line, and not one put in its place.
    ///
    /// # Errors
    /// Whose it is instead.
    pub fn belongs(&self, line: &str, generation: u64) -> Result<(), Damage> {
        if self.line != line {
            return Err(Damage::new("the manifest is another gateway's"));
        }
        if self.generation != generation {
            return Err(Damage(format!(
                "the manifest in place of generation {generation} is that of generation {}",
                self.generation
            )));
        }
        Ok(())
    }

    /// The same state as a generation of another line: what a clone writes there. Nothing
    /// in it depends on when it is made, so that making it again makes the same bytes.
    #[must_use]
    pub fn cloned_into(self, line: &str, generation: u64, gateway: &str, sent: u64) -> Self {
        Self {
            cloned_from: Some(ClonedFrom {
                gateway: gateway.to_owned(),
                line: self.line,
                generation: self.generation,
            }),
            line: line.to_owned(),
            generation,
            parent: None,
            reason: SnapshotReason::Clone,
            // Orders and versions of a policy are another gateway's.
            order: None,
            policy_version: None,
            policy_hash: None,
            totals: Totals {
                sent_bytes: sent,
                ..self.totals
            },
            ..self
        }
    }

    /// Checks what can be checked without the objects.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Damage> {
        super::check_schema("manifest", self.schema)?;
        let texts = [
            Some(&self.line),
            Some(&self.tedix_version),
            self.openclaw_version.as_ref(),
            self.policy_hash.as_ref(),
            self.cloned_from.as_ref().map(|from| &from.gateway),
            self.cloned_from.as_ref().map(|from| &from.line),
        ];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.len() > MAX_TEXT)
        {
            return Err(Damage::new("a text in the manifest is too long"));
        }
        if self.generation == 0 || self.parent.is_some_and(|parent| parent >= self.generation) {
            return Err(Damage::new("a generation comes after its parent"));
        }
        if self.packs.len() > MAX_PACKS {
            return Err(Damage::new("the manifest names too many packs"));
        }
        if self.index.raw_bytes > MAX_INDEX_RAW {
            return Err(Damage::new("the index is too large"));
        }
        if self.totals.bytes > MAX_TREE {
            return Err(Damage::new("the state is too large"));
        }
        let mut seen = HashSet::new();
        let mut stored = 0u64;
        for object in self.packs.iter().chain([&self.index]) {
            if object.bytes == 0 || object.bytes > MAX_OBJECT {
                return Err(Damage(format!("object {} has no valid size", object.key)));
            }
            if !seen.insert(object.key) {
                return Err(Damage(format!("object {} is named twice", object.key)));
            }
            stored = stored.saturating_add(object.bytes);
        }
        if self
            .packs
            .iter()
            .any(|pack| pack.raw_bytes > super::MAX_PACK_RAW)
        {
            return Err(Damage::new("a pack is too large once decompressed"));
        }
        if self.totals.stored_bytes != stored {
            return Err(Damage::new("the stored bytes do not add up"));
        }
        Ok(())
    }
}
