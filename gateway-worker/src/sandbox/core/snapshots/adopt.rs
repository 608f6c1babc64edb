//! A generation that no container wrote: a copy of another gateway's.

use chrono::{DateTime, Utc};
use domain::wire::snapshots::Snapshot;

use super::Core;
use crate::ports::{Db, StorageError};
use crate::sandbox::store::generations;

impl<D: Db> Core<D> {
    /// Whether there is state here, or about to be.
    pub(in crate::sandbox::core) fn holds_state(&self) -> bool {
        self.snapshots.newest > self.snapshots.void.len() as u64
            || self.has_state()
            || self.state.expects_container()
    }

    /// The number that a manifest may be written under now: nobody else gets it, no container
    /// its lease, and nothing is removed meanwhile. `None` while something else has to end.
    pub(in crate::sandbox::core) fn reserve_generation(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>, StorageError> {
        let sweeping = self.snapshots.sweep.is_some_and(|until| until > now);
        if self.commit_under_way(now) || sweeping {
            return Ok(None);
        }
        let number = self.snapshots.newest.saturating_add(1);
        self.begin_writing(number, now)?;
        Ok(Some(number))
    }

    /// It was written, or not.
    pub(in crate::sandbox::core) fn release_generation(&mut self) -> Result<(), StorageError> {
        self.snapshots.commit = None;
        self.keep_snapshots()
    }

    /// The bucket has one of that number.
    pub(in crate::sandbox::core) fn generation_exists(
        &mut self,
        number: u64,
    ) -> Result<(), StorageError> {
        self.snapshots.newest = self.snapshots.newest.max(number);
        self.keep_snapshots()
    }

    /// Perhaps the bucket has one of that number: nobody is to start from it, or to get it.
    pub(in crate::sandbox::core) fn give_up_generation(
        &mut self,
        number: u64,
    ) -> Result<(), StorageError> {
        if !self.snapshots.void.contains(&number) {
            self.snapshots.void.push(number);
        }
        self.generation_exists(number)
    }

    /// It is one.
    pub(in crate::sandbox::core) fn learn_generation(
        &mut self,
        line: &str,
        snapshot: &Snapshot,
    ) -> Result<(), StorageError> {
        generations::save(&self.db, snapshot)?;
        self.snapshots.line.get_or_insert_with(|| line.to_owned());
        self.announce();
        self.generation_exists(snapshot.generation)
    }
}
