//! R2 behind [`ObjectStore`].

use chrono::{DateTime, Utc};
use futures_util::future::join;
use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, WritableStream};
use worker::{Bucket, Conditional, Data, Env, Error, Object, ResponseBody, console_error};

use crate::ports::objects::{Listing, ObjectInfo, ObjectStore, StoreError};

/// Name of the binding.
const STATE: &str = "STATE";
/// What the platform says when a checksum (R2's error 10037) or a length does not match.
const MISMATCHES: &[&str] = &["10037", "FixedLengthStream"];

/// The bucket that holds gateways' state.
#[derive(Debug, Clone)]
pub struct StateBucket(Bucket);

impl StateBucket {
    /// From the Worker's bindings; none when the deployment binds no bucket.
    #[must_use]
    pub fn new(env: &Env) -> Option<Self> {
        env.bucket(STATE).ok().map(Self)
    }
}

impl ObjectStore for StateBucket {
    type Body = ReadableStream;

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        let found = self.0.head(key).await.map_err(|e| failed(&e))?;
        Ok(found.as_ref().map(info))
    }

    async fn read(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(object) = self.0.get(key).execute().await.map_err(|e| failed(&e))? else {
            return Ok(None);
        };
        if object.size() > limit as u64 {
            return Err(StoreError::TooLarge);
        }
        let Some(body) = object.body() else {
            return Ok(None);
        };
        body.bytes().await.map(Some).map_err(|e| failed(&e))
    }

    async fn stream(&self, key: &str) -> Result<Option<(u64, ReadableStream)>, StoreError> {
        let Some(object) = self.0.get(key).execute().await.map_err(|e| failed(&e))? else {
            return Ok(None);
        };
        let size = object.size();
        match object.body().map(|body| body.response_body()) {
            Some(Ok(ResponseBody::Stream(stream))) => Ok(Some((size, stream))),
            Some(Err(error)) => Err(failed(&error)),
            _ => Ok(None),
        }
    }

    async fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        // `*` matches whatever is there (RFC 9110 §13.1.2).
        let absent = Conditional {
            etag_does_not_match: Some("*".to_owned()),
            ..Conditional::default()
        };
        let put = self.0.put(key, bytes.to_vec()).only_if(absent);
        Ok(put.execute().await.map_err(|e| failed(&e))?.is_some())
    }

    async fn store(
        &self,
        key: &str,
        body: ReadableStream,
        length: u64,
        sha256: [u8; 32],
    ) -> Result<(), StoreError> {
        // R2 takes a stream only when it knows its length.
        let (readable, writable) = fixed_length(length).map_err(|e| failed(&Error::from(e)))?;
        let copied = JsFuture::from(body.pipe_to(&writable));
        let put = self.0.put(key, Data::ReadableStream(readable));
        let (copied, put) = join(copied, put.sha256(sha256).execute()).await;
        match (copied, put) {
            (Ok(_), Ok(_)) => Ok(()),
            // The body was shorter or longer than it said, or broke off.
            (Err(_), _) => Err(StoreError::Mismatch),
            (Ok(_), Err(error)) => {
                let text = error.to_string();
                let mismatch = MISMATCHES.iter().any(|part| text.contains(part));
                Err(if mismatch {
                    StoreError::Mismatch
                } else {
                    failed(&error)
                })
            }
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, StoreError> {
        let mut list = self.0.list().prefix(prefix);
        if let Some(after) = after {
            list = list.start_after(after);
        }
        let found = list.execute().await.map_err(|e| failed(&e))?;
        let objects: Vec<ObjectInfo> = found.objects().iter().map(info).collect();
        let after = if found.truncated() {
            objects.last().map(|object| object.key.clone())
        } else {
            None
        };
        Ok(Listing { objects, after })
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.0.delete_multiple(keys).await.map_err(|e| failed(&e))
    }
}

fn info(object: &Object) -> ObjectInfo {
    let ms = i64::try_from(object.uploaded().as_millis()).unwrap_or(i64::MAX);
    ObjectInfo {
        key: object.key(),
        bytes: object.size(),
        uploaded_at: DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::MAX_UTC),
    }
}

/// `new FixedLengthStream(length)`, which no crate binds without copying through WASM.
fn fixed_length(length: u64) -> Result<(ReadableStream, WritableStream), JsValue> {
    let class: Function =
        Reflect::get(&js_sys::global(), &"FixedLengthStream".into())?.dyn_into()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "an object has far fewer than 2^53 bytes"
    )]
    let arguments = js_sys::Array::of1(&JsValue::from(length as f64));
    let stream = Reflect::construct(&class, &arguments)?;
    let readable = Reflect::get(&stream, &"readable".into())?.dyn_into()?;
    let writable = Reflect::get(&stream, &"writable".into())?.dyn_into()?;
    Ok((readable, writable))
}

fn failed(error: &Error) -> StoreError {
    console_error!("object store: {error}");
    StoreError::Failed(error.to_string())
}
