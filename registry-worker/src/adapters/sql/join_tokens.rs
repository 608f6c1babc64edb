//! Join tokens in the database.

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::id::GatewayName;
use serde::Deserialize;

use super::{Database, SqlStore, Statement, audit, first, time};
use crate::enrolment::TokenRecord;
use crate::ports::{AuditNote, JoinTokenStore, NewJoinToken, PortError};

/// How long an expired token is kept, to tell "expired" from "unknown".
const KEEP_EXPIRED: TimeDelta = TimeDelta::days(1);

const CREATE: &str = "INSERT INTO join_tokens (hash, name, created_by, created_at, expires_at) \
    VALUES (?1, ?2, ?3, ?4, ?5)";

const DROP_OLD: &str = "DELETE FROM join_tokens WHERE expires_at < ?1";

const FIND: &str = "SELECT name, created_by, expires_at, used_at IS NOT NULL AS used \
    FROM join_tokens WHERE hash = ?1";

#[derive(Deserialize)]
struct Row {
    name: Option<GatewayName>,
    created_by: String,
    expires_at: i64,
    used: u8,
}

#[async_trait(?Send)]
impl<D: Database> JoinTokenStore for SqlStore<D> {
    async fn create(&self, token: &NewJoinToken, note: &AuditNote) -> Result<(), PortError> {
        let create = Statement::new(
            CREATE,
            vec![
                token.hash.as_str().into(),
                token.name.as_ref().map(GatewayName::as_str).into(),
                token.created_by.as_str().into(),
                token.created_at.into(),
                token.expires_at.into(),
            ],
        );
        let drop_old = Statement::new(DROP_OLD, vec![(token.created_at - KEEP_EXPIRED).into()]);
        self.0
            .write(vec![create, drop_old, audit::insert(note)])
            .await
            .map(drop)
    }

    async fn find(&self, hash: &str) -> Result<Option<TokenRecord>, PortError> {
        let found = self
            .0
            .query(Statement::new(FIND, vec![hash.into()]))
            .await?;
        let Some(row) = first::<Row>(found)? else {
            return Ok(None);
        };
        Ok(Some(TokenRecord {
            name: row.name,
            created_by: row.created_by,
            expires_at: time(row.expires_at)?,
            used: row.used == 1,
        }))
    }
}
