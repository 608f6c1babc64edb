//! Strict reading: a document is taken whole or refused with every fault named.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::document::{Policy, SCHEMA};
use crate::access::Role;
use crate::problem::FieldError;

/// Largest document, in bytes of JSON.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most entries in any list of the document.
pub(super) const MAX_ENTRIES: usize = 500;
/// Most tokens a day that a budget may name.
pub(super) const MAX_TOKENS_PER_DAY: u64 = 1_000_000_000_000;

/// Reads a document from text: duplicate keys are refused, as are oversized texts.
///
/// # Errors
/// Every fault with a pointer to its field.
pub fn parse(text: &str) -> Result<Policy, Vec<FieldError>> {
    parse_value(strict_value(text)?)
}

/// Reads JSON text whose objects name no key twice.
///
/// # Errors
/// One fault: too large, not JSON, or a key named twice.
pub fn strict_value(text: &str) -> Result<Value, Vec<FieldError>> {
    if text.len() > MAX_BYTES {
        let detail = format!("the document is larger than {MAX_BYTES} bytes");
        return Err(vec![FieldError::new("", detail)]);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = StrictValue
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| vec![FieldError::new("", error.to_string())])
}

/// Reads a document from a JSON value.
///
/// # Errors
/// Every fault with a pointer to its field.
pub fn parse_value(value: Value) -> Result<Policy, Vec<FieldError>> {
    let policy: Policy = serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer_of(error.path());
        vec![FieldError::new(pointer, error.into_inner().to_string())]
    })?;
    let faults = faults(&policy);
    if faults.is_empty() {
        Ok(policy)
    } else {
        Err(faults)
    }
}

fn faults(policy: &Policy) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if policy.schema != SCHEMA {
        faults.push(FieldError::new("/schema", format!("must be {SCHEMA}")));
    }
    let operators = &policy.access.operators;
    let mut people = HashSet::new();
    for (index, entry) in operators.iter().enumerate() {
        if entry.role == Role::User {
            let detail = "must be viewer, operator or admin; people who only use it go under users";
            faults.push(FieldError::new(
                format!("/access/operators/{index}/role"),
                detail,
            ));
        }
        if !people.insert(&entry.email) {
            let detail = format!("{} is named twice", entry.email);
            faults.push(FieldError::new(
                format!("/access/operators/{index}/email"),
                detail,
            ));
        }
    }
    if !operators.iter().any(|entry| entry.role == Role::Admin) {
        let detail = "needs at least one admin, or nobody could change the policy again";
        faults.push(FieldError::new("/access/operators", detail));
    }
    for (index, email) in policy.access.users.iter().enumerate() {
        if !people.insert(email) {
            let detail = format!("{email} is named twice");
            faults.push(FieldError::new(format!("/access/users/{index}"), detail));
        }
    }
    for (list, patterns) in [("allow", &policy.tools.allow), ("deny", &policy.tools.deny)] {
        let mut seen = HashSet::new();
        for (index, pattern) in patterns.iter().enumerate() {
            if !seen.insert(pattern) {
                let detail = format!("{pattern} is named twice");
                faults.push(FieldError::new(format!("/tools/{list}/{index}"), detail));
            }
        }
        too_many(&mut faults, &format!("/tools/{list}"), patterns.len());
    }
    too_many(&mut faults, "/access/operators", operators.len());
    too_many(&mut faults, "/access/users", policy.access.users.len());
    if let Some(tokens) = policy.budgets.tokens_per_day
        && !(1..=MAX_TOKENS_PER_DAY).contains(&tokens)
    {
        let detail = format!("must be 1 to {MAX_TOKENS_PER_DAY}, or absent for no limit");
        faults.push(FieldError::new("/budgets/tokens_per_day", detail));
    }
    faults
}

fn too_many(faults: &mut Vec<FieldError>, pointer: &str, entries: usize) {
    if entries > MAX_ENTRIES {
        faults.push(FieldError::new(
            pointer,
            format!("has more than {MAX_ENTRIES} entries"),
        ));
    }
}

/// A path of serde's as a JSON pointer (RFC 6901).
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Reads a JSON value and refuses an object that names a key twice, which
/// `serde_json::Value` would take silently, the last one winning.
struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(StrictValue)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} is named twice")));
            }
            object.insert(key, map.next_value_seed(StrictValue)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
