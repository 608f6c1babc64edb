//! `/v1/packs`: the bytes, in and out, streamed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::problem::{FieldError, Problem};
use domain::state::{Digest, MAX_OBJECT, ObjectRef};
use domain::wire::state::{MAX_KEYS, Missing, Objects};

use super::{Answer, Authority, Body, World, json, keys, line, other_method};
use crate::internal::stored_length::stored_length;
use crate::ports::objects::{ObjectStore, StoreError};

/// Up to so many objects are looked up one by one; for more the folder is listed.
const FEW: usize = 16;

/// `GET`, `HEAD` and `PUT` of one.
pub(super) async fn one<S, A, C>(
    world: &World<'_, S, A, C>,
    method: &str,
    key: Digest,
    lease: String,
    body: Body<S::Body>,
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    let gone = || Problem::not_found("There is no such pack.");
    match method {
        "GET" => {
            let line = line(world.desk, None).await?;
            let found = world.store.stream(&keys::pack(&line, key)).await?;
            let (bytes, stream) = found.ok_or_else(gone)?;
            Ok(Answer::Stream(bytes, stream))
        }
        "HEAD" => {
            let line = line(world.desk, None).await?;
            let found = world.store.head(&keys::pack(&line, key)).await?;
            Ok(Answer::Head(found.ok_or_else(gone)?.bytes))
        }
        "PUT" => put(world, key, lease, body).await,
        _ => Err(other_method()),
    }
}

async fn put<S, A, C>(
    world: &World<'_, S, A, C>,
    key: Digest,
    lease: String,
    body: Body<S::Body>,
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    let Body::Stream { length, stream } = body else {
        return Err(Problem::malformed("The body of a pack is its bytes."));
    };
    let length = stored_length(length, MAX_OBJECT, "A pack")?;
    let line = line(world.desk, Some(lease)).await?;
    // Also when it is there: what is stored may have rotted, and this is the cure.
    let object = keys::pack(&line, key);
    world.store.store(&object, stream, length, key.0).await?;
    Ok(Answer::Empty(201))
}

/// `POST /v1/packs/missing`.
pub(super) async fn missing<S, A, C>(
    world: &World<'_, S, A, C>,
    asked: &Objects,
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    if asked.objects.len() > MAX_KEYS {
        return Err(Problem::fields(vec![FieldError::new(
            "/objects",
            format!("must be at most {MAX_KEYS}"),
        )]));
    }
    let line = line(world.desk, None).await?;
    let missing = absent(world.store, &line, &asked.objects).await?;
    json(Missing { missing })
}

/// Those that are not in the bucket with their size, in the order asked.
pub(crate) async fn absent<S: ObjectStore>(
    store: &S,
    line: &str,
    objects: &[ObjectRef],
) -> Result<Vec<Digest>, StoreError> {
    let sizes = if objects.len() <= FEW {
        let mut sizes = HashMap::new();
        for object in objects {
            let key = keys::pack(line, object.key);
            if let Some(found) = store.head(&key).await? {
                sizes.insert(key, found.bytes);
            }
        }
        sizes
    } else {
        all(store, line).await?
    };
    let absent =
        |object: &&ObjectRef| sizes.get(&keys::pack(line, object.key)) != Some(&object.bytes);
    Ok(objects
        .iter()
        .filter(absent)
        .map(|object| object.key)
        .collect())
}

async fn all<S: ObjectStore>(store: &S, line: &str) -> Result<HashMap<String, u64>, StoreError> {
    let mut sizes = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(&keys::packs(line), after.as_deref()).await?;
        sizes.extend(
            page.objects
                .into_iter()
                .map(|found| (found.key, found.bytes)),
        );
        after = page.after;
        if after.is_none() {
            return Ok(sizes);
        }
    }
}
