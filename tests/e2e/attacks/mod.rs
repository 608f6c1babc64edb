//! What somebody tries who means harm, each its own test. `docs/attacks.md`
//! lists them with what is not tried yet.

mod bodies;
mod cross_site;
mod forged_headers;
mod heartbeats;
mod internal_hosts;
mod join_tokens;
mod keys;
mod other_gateways;
mod pages;
mod sign_in;
mod tokens;

use libtest_mimic::Trial;

pub(crate) use heartbeats::hostile_gateway;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    [
        internal_hosts::trials(world),
        tokens::trials(world),
        keys::trials(world),
        sign_in::trials(world),
        cross_site::trials(world),
        pages::trials(world),
        forged_headers::trials(world),
        bodies::trials(world),
        join_tokens::trials(world),
        other_gateways::trials(world),
        heartbeats::trials(world),
    ]
    .into_iter()
    .flatten()
    .collect()
}
