//! The source's side: what a code opens.

use domain::problem::Problem;
use domain::state::{Digest, MAX_MANIFEST, Manifest};
use domain::wire::clones::GRANTED_PATH;

use crate::internal::state::keys;
use crate::ports::objects::ObjectStore;

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Of which generation.
    pub(super) generation: u64,
    /// Which pack; none is the manifest.
    pub(super) pack: Option<Digest>,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Lent<B> {
    /// The manifest.
    Manifest(Vec<u8>),
    /// A pack or the index, with its size.
    Pack(u64, B),
}

/// What a path below the API's prefix asks for; none when it is none of these.
pub(super) fn wanted(below: &str) -> Option<Wanted> {
    let mut parts = below
        .strip_prefix(GRANTED_PATH)?
        .strip_prefix('/')?
        .split('/');
    let number = parts.next()?;
    let digits = (1..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let generation = number.parse().ok().filter(|number| digits && *number > 0)?;
    let pack = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => None,
        (Some("packs"), Some(key), None) => Some(key.parse().ok()?),
        _ => return None,
    };
    Some(Wanted { generation, pack })
}

/// Reads it; `line` is what the code opens.
///
/// # Errors
/// 404 for a pack that the generation's manifest does not name, and for what is gone.
pub(super) async fn lend<S: ObjectStore>(
    store: &S,
    line: &str,
    wanted: Wanted,
) -> Result<Lent<S::Body>, Problem> {
    let gone = || Problem::not_found("That is not in the generation, or it is gone.");
    let key = keys::generation(line, wanted.generation);
    let bytes = store.read(&key, MAX_MANIFEST).await?.ok_or_else(gone)?;
    let Some(pack) = wanted.pack else {
        return Ok(Lent::Manifest(bytes));
    };
    let damaged = |_| Problem::conflict("The generation is damaged; ask for another one.");
    let manifest = Manifest::read(&bytes).map_err(damaged)?;
    let mut named = manifest.packs.iter().chain([&manifest.index]);
    if !named.any(|object| object.key == pack) {
        return Err(gone());
    }
    let found = store.stream(&keys::pack(line, pack)).await?;
    let (bytes, stream) = found.ok_or_else(gone)?;
    Ok(Lent::Pack(bytes, stream))
}
