//! The audit in the database. A note is written in the transaction of what it tells.

use async_trait::async_trait;
use domain::id::GatewayId;
use domain::wire::gateway::AuditEntry;
use serde::Deserialize;

use super::{Database, SqlStore, Statement, Value, rows, time};
use crate::ports::{AuditNote, AuditStore, PortError};

const INSERT: &str = "INSERT INTO audit (at, actor, action, gateway_id, detail) \
    VALUES (?1, ?2, ?3, ?4, ?5)";

const INSERT_IF_ENROLLED: &str = "INSERT INTO audit (at, actor, action, gateway_id, detail) \
    SELECT ?1, ?2, ?3, ?4, ?5 \
    WHERE EXISTS (SELECT 1 FROM join_tokens WHERE hash = ?6 AND used_for = ?7)";

const INSERT_IF_LIVE: &str = "INSERT INTO audit (at, actor, action, gateway_id, detail) \
    SELECT ?1, ?2, ?3, ?4, ?5 \
    WHERE EXISTS (SELECT 1 FROM gateways WHERE id = ?6 AND deleted_at IS NULL)";

/// The alarm is on the gateway from then on, so it is told once.
const INSERT_IF_FIRST_ALARM: &str = "INSERT INTO audit (at, actor, action, gateway_id, detail) \
    SELECT ?1, ?2, ?3, ?4, ?5 \
    WHERE EXISTS (SELECT 1 FROM gateways WHERE id = ?6 AND deleted_at IS NULL \
    AND audit_alarm IS NULL)";

const PAGE: &str = "SELECT seq, at, actor, action, detail FROM audit WHERE seq < ?1 \
    ORDER BY seq DESC LIMIT ?2";

/// Largest integer that D1 takes exactly: it passes JavaScript numbers.
const LAST_SEQ: i64 = (1 << 53) - 1;

#[derive(Deserialize)]
struct Row {
    seq: u64,
    at: i64,
    actor: String,
    action: String,
    detail: String,
}

pub(super) fn insert(note: &AuditNote) -> Statement {
    Statement::new(INSERT, parameters(note))
}

pub(super) fn insert_if_enrolled(note: &AuditNote, token_hash: &str, nonce: &str) -> Statement {
    let mut parameters = parameters(note);
    parameters.extend([token_hash.into(), nonce.into()]);
    Statement::new(INSERT_IF_ENROLLED, parameters)
}

pub(super) fn insert_if_forgotten(note: &AuditNote, id: &GatewayId) -> Statement {
    let mut parameters = parameters(note);
    parameters.push(id.as_str().into());
    Statement::new(INSERT_IF_LIVE, parameters)
}

pub(super) fn insert_if_first_alarm(note: &AuditNote, id: &GatewayId) -> Statement {
    let mut parameters = parameters(note);
    parameters.push(id.as_str().into());
    Statement::new(INSERT_IF_FIRST_ALARM, parameters)
}

fn parameters(note: &AuditNote) -> Vec<Value> {
    vec![
        note.at.into(),
        note.actor.as_str().into(),
        note.action.into(),
        note.gateway_id.as_ref().map(GatewayId::as_str).into(),
        note.detail.as_str().into(),
    ]
}

#[async_trait(?Send)]
impl<D: Database> AuditStore for SqlStore<D> {
    async fn page(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        let before = before
            .and_then(|seq| i64::try_from(seq).ok())
            .unwrap_or(LAST_SEQ)
            .min(LAST_SEQ);
        let statement = Statement::new(PAGE, vec![Value::Integer(before), limit.into()]);
        let entry = |row: Row| {
            Ok(AuditEntry {
                seq: row.seq,
                at: time(row.at)?,
                actor: row.actor,
                action: row.action,
                detail: row.detail,
                origin: None,
                before_hash: None,
                after_hash: None,
                previous: None,
                hash: None,
            })
        };
        rows(self.0.query(statement).await?)?
            .into_iter()
            .map(entry)
            .collect()
    }
}
