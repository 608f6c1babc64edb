//! The two credentials of a running container. Only their hashes are kept, so
//! the same container is still known after a restart of the Durable Object.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{constant_time_eq, credential_from, hash_credential};
use domain::secret::Secret;
use serde::{Deserialize, Serialize};

use super::{Core, GATEWAY};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::Record;
use crate::sandbox::store::{audit, records};

/// Seconds between two audit entries about wrong credentials: the container
/// could try any number of them.
const REFUSAL_NOTE_SECONDS: i64 = 60;

/// Hashes of a run's credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunSecrets {
    /// Number of the start.
    run: u64,
    /// Of tedix-init's credential; none once revoked.
    init_hash: Option<String>,
    /// Of the key for `models.internal`; none once revoked.
    model_hash: Option<String>,
}

/// The credentials of a new run, to be given to its container and to nobody else.
#[derive(Debug)]
pub struct RunCredentials {
    /// For `governance.internal`.
    pub init: Secret,
    /// For `models.internal`.
    pub model: Secret,
}

impl<D: Db> Core<D> {
    /// Makes the credentials of a run from random bytes; those of an earlier run
    /// stop working.
    ///
    /// # Errors
    /// When the database refuses it.
    pub fn issue_credentials(
        &mut self,
        run: u64,
        random: ([u8; 32], [u8; 32]),
    ) -> Result<RunCredentials, StorageError> {
        let init = credential_from("tin_", random.0);
        let model = credential_from("tmk_", random.1);
        let secrets = RunSecrets {
            run,
            init_hash: Some(hash_credential(&init)),
            model_hash: Some(hash_credential(&model)),
        };
        records::save(&self.db, Record::RunSecrets, &secrets)?;
        self.secrets = Some(secrets);
        Ok(RunCredentials {
            init: Secret::new(init),
            model: Secret::new(model),
        })
    }

    pub(super) fn revoke_credentials(&mut self) -> Result<(), StorageError> {
        if let Some(secrets) = &mut self.secrets
            && secrets.init_hash.is_some()
        {
            secrets.init_hash = None;
            secrets.model_hash = None;
            records::save(&self.db, Record::RunSecrets, secrets)?;
        }
        Ok(())
    }

    pub(super) fn is_init(&self, credential: &str) -> bool {
        matches_hash(
            credential,
            self.secrets.as_ref().and_then(|s| s.init_hash.as_deref()),
        )
    }

    pub(super) fn is_model_key(&self, key: &str) -> bool {
        matches_hash(
            key,
            self.secrets.as_ref().and_then(|s| s.model_hash.as_deref()),
        )
    }

    /// Writes down, once in a while, that a wrong credential was shown.
    pub(super) fn note_refusal(
        &mut self,
        host: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let quiet = TimeDelta::seconds(REFUSAL_NOTE_SECONDS);
        if self.refusal_noted_at.is_some_and(|at| now - at < quiet) {
            return Ok(());
        }
        self.refusal_noted_at = Some(now);
        let detail = format!("a wrong credential was shown to {host} from inside the container");
        audit::append(&self.db, now, GATEWAY, "credential.refused", &detail)
    }
}

fn matches_hash(credential: &str, hash: Option<&str>) -> bool {
    hash.is_some_and(|hash| constant_time_eq(&hash_credential(credential), hash))
}
