//! `http://state.internal`: snapshots on their way into R2 and back. The contract is
//! [`domain::wire::state`].
//!
//! The Durable Object says who may write and where ([`Authority`]); bytes pass
//! through this Worker, streamed, and never through the object. What is written can
//! be cut off after any step: a generation exists when its manifest does, which is
//! written last and never over another.

mod commit;
pub(crate) mod keys;
mod lease;
pub(crate) mod packs;
mod serve;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;

pub(super) use serve::serve;

use chrono::{DateTime, Utc};
use domain::problem::{FieldError, Problem};
use domain::state::{Digest, MAX_MANIFEST};
use domain::wire::state::{Generations, StateReport};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::command::{Outcome, StateAsk, StateTicket};
use crate::ports::objects::ObjectStore;

/// Largest report, in bytes.
const MAX_REPORT: usize = 4 * 1024;
/// Largest list of keys, in bytes: 1,000 of about 120.
const MAX_LIST: usize = 160 * 1024;

/// The Durable Object, asked with the caller's credential.
trait Authority {
    /// Asks.
    fn ask(&self, ask: StateAsk) -> impl Future<Output = Outcome>;
}

/// A request, its body as far as the operation takes one.
struct Call<B> {
    method: String,
    path: String,
    lease: String,
    body: Body<B>,
}

/// A body.
enum Body<B> {
    /// None, or not read.
    None,
    /// Small, already bounded.
    Bytes(Vec<u8>),
    /// Streamed, of a length that the sender declared.
    Stream { length: Option<u64>, stream: B },
}

/// An answer.
#[derive(Debug)]
enum Answer<B> {
    /// JSON.
    Json(u16, Value),
    /// Nothing.
    Empty(u16),
    /// Bytes as they are stored.
    Bytes(Vec<u8>),
    /// An object, streamed.
    Stream(u64, B),
    /// What is known of an object, without it.
    Head(u64),
}

/// How an operation takes its body.
enum Intake {
    /// It takes none.
    None,
    /// As a whole, at most so many bytes.
    Small(usize),
    /// As a stream.
    Stream,
}

/// What an operation needs from the world.
struct World<'a, S, A, C> {
    store: &'a S,
    desk: &'a A,
    /// The time.
    clock: C,
}

fn intake(method: &str, path: &str) -> Intake {
    match (method, path) {
        ("PUT", path) if path.starts_with("/v1/packs/") => Intake::Stream,
        ("PUT", _) => Intake::Small(MAX_MANIFEST),
        ("POST", "/v1/packs/missing") => Intake::Small(MAX_LIST),
        ("POST", _) => Intake::Small(MAX_REPORT),
        _ => Intake::None,
    }
}

/// Does one call.
async fn answer<S, A, C>(
    world: &World<'_, S, A, C>,
    call: Call<S::Body>,
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    let Call {
        method,
        path,
        lease,
        body,
    } = call;
    match (method.as_str(), path.as_str()) {
        ("POST", "/v1/lease") => lease::take(world, &small(body)?).await,
        ("POST", "/v1/lease/renew") => json(world.desk.ask(StateAsk::Renew { lease }).await?.body),
        ("POST", "/v1/lease/release") => {
            world.desk.ask(StateAsk::Release { lease }).await?;
            Ok(Answer::Empty(204))
        }
        ("GET", "/v1/generations") => {
            let line = line(world.desk, None).await?;
            let mut generations = lease::listed(world.store, &line).await?;
            generations.reverse();
            json(Generations { generations })
        }
        ("POST", "/v1/reports") => {
            let report: StateReport = small(body)?;
            world.desk.ask(StateAsk::Report { report }).await?;
            Ok(Answer::Empty(204))
        }
        ("POST", "/v1/packs/missing") => packs::missing(world, &small(body)?).await,
        (method, path) => {
            if let Some(key) = path.strip_prefix("/v1/packs/") {
                let key = key.parse::<Digest>();
                let key = key.map_err(|error| Problem::not_found(format!("A pack {error}.")))?;
                return packs::one(world, method, key, lease, body).await;
            }
            if let Some(number) = path.strip_prefix("/v1/generations/") {
                let number = generation_number(number)?;
                return commit::one(world, method, number, lease, body).await;
            }
            match path {
                "/v1/lease" | "/v1/lease/renew" | "/v1/lease/release" | "/v1/reports"
                | "/v1/generations" => Err(other_method()),
                _ => Err(Problem::not_found("Nothing is there.")),
            }
        }
    }
}

fn generation_number(text: &str) -> Result<u64, Problem> {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number > 0);
    number.ok_or_else(|| Problem::not_found("A generation is a number such as 7."))
}

/// Whose state it is, if the credential is right and, when one is named, the lease.
async fn line<A: Authority>(desk: &A, lease: Option<String>) -> Result<String, Problem> {
    let reply = desk.ask(StateAsk::Check { lease }).await?;
    ask_for::<StateTicket>(reply.body).map(|ticket| ticket.line)
}

fn ask_for<T: DeserializeOwned>(body: Value) -> Result<T, Problem> {
    serde_json::from_value(body)
        .map_err(|_| Problem::internal("The gateway's parts disagree about a message."))
}

fn small<T: DeserializeOwned, B>(body: Body<B>) -> Result<T, Problem> {
    let bytes = match body {
        Body::Bytes(bytes) => bytes,
        Body::None | Body::Stream { .. } => Vec::new(),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::fields(vec![FieldError::new("", error.to_string())]))
}

fn json<T: Serialize, B>(value: T) -> Result<Answer<B>, Problem> {
    let value = serde_json::to_value(value)
        .map_err(|_| Problem::internal("The answer could not be written; try again."))?;
    Ok(Answer::Json(200, value))
}

fn other_method() -> Problem {
    Problem::method_not_allowed("This path takes another method.")
}
