//! `GET audit/verify`: looks the whole audit chain through.

use domain::access::Role;
use domain::audit::Head;
use domain::problem::Problem;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::store::audit;

/// Reads `known`, a head from an earlier export or heartbeat, as `SEQ:HASH`.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let known = request.parameter("known")?.map(head).transpose()?;
    Ok(Operation::VerifyAudit { known })
}

fn head(text: &str) -> Result<Head, Problem> {
    let wrong = || Problem::malformed("`known` is the seq and the hash of an entry, as SEQ:HASH.");
    let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(wrong)?;
    if hash.len() != 64 || !hash.bytes().all(is_hex) {
        return Err(wrong());
    }
    Ok(Head {
        seq,
        hash: hash.to_owned(),
    })
}

/// The verdict, for viewers and above. A chain that is broken is an answer, not a failure.
pub(super) fn run<D: Db>(core: &Core<D>, who: &Principal, known: Option<Head>) -> Outcome {
    who.require(Role::Viewer)?;
    Reply::ok(&audit::verify(core.db(), known)?)
}
