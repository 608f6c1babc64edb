//! Strict reading: a document is taken whole or refused with every fault named.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::document::Policy;
use super::validate::faults;
use crate::problem::FieldError;

/// Largest document, in bytes of JSON.
pub const MAX_BYTES: usize = 64 * 1024;

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
mod overrides;
#[cfg(test)]
mod tests;
