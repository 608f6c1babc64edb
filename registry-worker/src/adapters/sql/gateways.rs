//! Gateways in the database.

use async_trait::async_trait;
use domain::fleet::Vital;
use domain::id::{GatewayId, GatewayName};
use domain::wire::registry::AuditAlarm;
use serde::Deserialize;

use super::{Database, SqlStore, Statement, Value, audit, first, rows, time, unreadable};
use crate::enrolment::Enrolment;
use crate::ports::{AuditNote, GatewayQuery, GatewayRecord, GatewayStore, LastWritten, PortError};

const FIND: &str = "SELECT id, name, url, credential_hash, enrolled_at, last_seen_at, heartbeat, \
    audit_alarm \
    FROM gateways WHERE id = ?1 AND deleted_at IS NULL";

const FIND_BY_CREDENTIAL: &str = "SELECT id, name, url, credential_hash, enrolled_at, last_seen_at, heartbeat, \
    audit_alarm \
    FROM gateways WHERE credential_hash = ?1 AND deleted_at IS NULL";

const ID_OF_NAME: &str = "SELECT id, deleted_at IS NULL AS live FROM gateways WHERE name = ?1 \
    ORDER BY live DESC, deleted_at DESC LIMIT 1";

const PAGE: &str = "SELECT id, name, url, credential_hash, enrolled_at, last_seen_at, heartbeat, \
    audit_alarm \
    FROM gateways WHERE deleted_at IS NULL AND name > ?1 AND instr(name, ?2) > 0 \
    ORDER BY name LIMIT ?3";

const COUNT: &str = "SELECT count(*) AS gateways FROM gateways WHERE deleted_at IS NULL";

/// Decides the race: of all who hold the token, one changes a row.
const USE_TOKEN: &str = "UPDATE join_tokens SET used_at = ?2, used_for = ?3 \
    WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2";

const INSERT: &str = "INSERT INTO gateways (id, name, url, credential_hash, enrolled_at, enrolled_by) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 \
    WHERE EXISTS (SELECT 1 FROM join_tokens WHERE hash = ?7 AND used_for = ?8)";

const REPLACE: &str = "UPDATE gateways SET name = ?2, url = ?3, credential_hash = ?4, \
    enrolled_at = ?5, enrolled_by = ?6, last_seen_at = NULL, transition_at = NULL, \
    heartbeat = NULL, audit_alarm = NULL, deleted_at = NULL WHERE id = ?1 \
    AND EXISTS (SELECT 1 FROM join_tokens WHERE hash = ?7 AND used_for = ?8)";

const RECORD: &str = "UPDATE gateways SET last_seen_at = ?2, transition_at = ?3, heartbeat = ?4, \
    audit_alarm = COALESCE(audit_alarm, ?5) \
    WHERE id = ?1 AND deleted_at IS NULL";

const FORGET: &str = "UPDATE gateways SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";

#[derive(Deserialize)]
struct Row {
    id: GatewayId,
    name: GatewayName,
    url: String,
    credential_hash: String,
    enrolled_at: i64,
    last_seen_at: Option<i64>,
    heartbeat: Option<String>,
    audit_alarm: Option<String>,
}

#[derive(Deserialize)]
struct Holder {
    id: GatewayId,
    live: u8,
}

#[derive(Deserialize)]
struct Count {
    gateways: usize,
}

impl TryFrom<Row> for GatewayRecord {
    type Error = PortError;
    fn try_from(row: Row) -> Result<Self, PortError> {
        let alarm = row.audit_alarm.as_deref().map(serde_json::from_str);
        let last = match (row.last_seen_at, row.heartbeat) {
            (Some(seen_at), Some(heartbeat)) => Some(LastWritten {
                seen_at: time(seen_at)?,
                heartbeat: serde_json::from_str(&heartbeat).map_err(|e| unreadable(&e))?,
                audit_alarm: alarm.transpose().map_err(|e| unreadable(&e))?,
            }),
            _ => None,
        };
        Ok(Self {
            id: row.id,
            name: row.name,
            url: row.url,
            credential_hash: row.credential_hash,
            enrolled_at: time(row.enrolled_at)?,
            last,
        })
    }
}

impl<D: Database> SqlStore<D> {
    async fn one(&self, sql: &'static str, key: &str) -> Result<Option<GatewayRecord>, PortError> {
        let found = self.0.query(Statement::new(sql, vec![key.into()])).await?;
        first::<Row>(found)?
            .map(GatewayRecord::try_from)
            .transpose()
    }
}

#[async_trait(?Send)]
impl<D: Database> GatewayStore for SqlStore<D> {
    async fn find(&self, id: &GatewayId) -> Result<Option<GatewayRecord>, PortError> {
        self.one(FIND, id.as_str()).await
    }

    async fn find_by_credential(&self, hash: &str) -> Result<Option<GatewayRecord>, PortError> {
        self.one(FIND_BY_CREDENTIAL, hash).await
    }

    async fn id_of_name(&self, name: &GatewayName) -> Result<Option<(GatewayId, bool)>, PortError> {
        let statement = Statement::new(ID_OF_NAME, vec![name.as_str().into()]);
        let holder = first::<Holder>(self.0.query(statement).await?)?;
        Ok(holder.map(|holder| (holder.id, holder.live == 1)))
    }

    async fn page(&self, query: &GatewayQuery) -> Result<Vec<GatewayRecord>, PortError> {
        let after = query.after.as_ref().map_or("", GatewayName::as_str);
        let part = query.name_contains.as_deref().unwrap_or_default();
        let statement = Statement::new(PAGE, vec![after.into(), part.into(), query.limit.into()]);
        let found = rows::<Row>(self.0.query(statement).await?)?;
        found.into_iter().map(GatewayRecord::try_from).collect()
    }

    async fn count(&self) -> Result<usize, PortError> {
        let found = self.0.query(Statement::new(COUNT, Vec::new())).await?;
        Ok(first::<Count>(found)?.map_or(0, |count| count.gateways))
    }

    async fn enrol(&self, enrolment: &Enrolment, note: &AuditNote) -> Result<bool, PortError> {
        let Enrolment {
            token_hash,
            nonce,
            at,
            ..
        } = enrolment;
        let use_token = Statement::new(
            USE_TOKEN,
            vec![
                token_hash.as_str().into(),
                (*at).into(),
                nonce.as_str().into(),
            ],
        );
        let write = Statement::new(
            if enrolment.replaces { REPLACE } else { INSERT },
            vec![
                enrolment.id.as_str().into(),
                enrolment.name.as_str().into(),
                enrolment.url.as_str().into(),
                enrolment.credential_hash.as_str().into(),
                (*at).into(),
                enrolment.enrolled_by.as_str().into(),
                token_hash.as_str().into(),
                nonce.as_str().into(),
            ],
        );
        let note = audit::insert_if_enrolled(note, token_hash, nonce);
        let changed = self.0.write(vec![use_token, write, note]).await?;
        // INVARIANT: the second and third statement only act when the first did.
        Ok(changed.first() == Some(&1))
    }

    async fn record(&self, id: &GatewayId, vital: &Vital) -> Result<bool, PortError> {
        let heartbeat = serde_json::to_string(&vital.heartbeat)
            .map_err(|e| PortError::Failed(format!("a heartbeat has no JSON form: {e}")))?;
        let alarm = vital.audit_alarm.as_ref().map(serde_json::to_string);
        let alarm = alarm
            .transpose()
            .map_err(|e| PortError::Failed(format!("an alarm has no JSON form: {e}")))?;
        let parameters = vec![
            id.as_str().into(),
            vital.seen_at.into(),
            vital.transition_at.into(),
            Value::Text(heartbeat),
            alarm.as_deref().into(),
        ];
        let mut statements = Vec::new();
        if let Some(alarm) = &vital.audit_alarm {
            statements.push(audit::insert_if_first_alarm(&note(id, alarm), id));
        }
        statements.push(Statement::new(RECORD, parameters));
        let changed = self.0.write(statements).await?;
        Ok(changed.last() == Some(&1))
    }

    async fn forget(&self, id: &GatewayId, note: &AuditNote) -> Result<bool, PortError> {
        let forget = Statement::new(FORGET, vec![id.as_str().into(), note.at.into()]);
        let note = audit::insert_if_forgotten(note, id);
        let changed = self.0.write(vec![note, forget]).await?;
        Ok(changed.last() == Some(&1))
    }
}

fn note(id: &GatewayId, alarm: &AuditAlarm) -> AuditNote {
    let (known, said) = (&alarm.known, &alarm.said);
    AuditNote {
        at: alarm.at,
        actor: "registry".to_owned(),
        action: "gateway.audit_moved_back",
        gateway_id: Some(id.clone()),
        detail: format!(
            "{id}: its audit had reached entry {} ({}) and now says {} ({})",
            known.seq, known.hash, said.seq, said.hash
        ),
    }
}
