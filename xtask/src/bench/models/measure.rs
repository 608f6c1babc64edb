//! Every side in turns, so that whatever else the machine does meets all alike.

use std::num::NonZeroU32;
use std::time::Duration;

use super::load::{Call, round};
use super::report::{Figures, Measured, Side, Taken};
use crate::bench::process::Process;

/// Connections: one for latency, 32 for throughput.
const CONCURRENCIES: [usize; 2] = [1, 32];
/// Before anything counts, every side is used for this long, so that code is compiled.
const WARM_UP: Duration = Duration::from_secs(2);

/// The three ways to a model.
#[derive(Debug)]
pub(super) struct Sides {
    /// Size of each request.
    pub(super) bytes: usize,
    /// What the Workers run in.
    pub(super) workerd: Process,
    /// The model server itself.
    pub(super) direct: Call,
    /// Through a Worker that passes everything on.
    pub(super) bare: Call,
    /// Through the gateway.
    pub(super) gateway: Call,
}

/// Measures every side, with whole answers and with streams.
pub(super) async fn measure(
    sides: &Sides,
    rounds: NonZeroU32,
    seconds: NonZeroU32,
) -> anyhow::Result<Measured> {
    let time = Duration::from_secs(u64::from(seconds.get()));
    let calls = [&sides.direct, &sides.bare, &sides.gateway];
    let mut figures = Vec::new();
    for streams in [false, true] {
        for concurrency in CONCURRENCIES {
            for call in calls {
                round(call, concurrency, WARM_UP, streams).await?;
            }
            let mut taken: [Taken; 3] = Default::default();
            for _ in 0..rounds.get() {
                for (call, taken) in calls.iter().zip(&mut taken) {
                    let before = sides.workerd.cpu();
                    let (round, first) = round(call, concurrency, time, streams).await?;
                    taken.rounds.push(round);
                    taken.first_bytes.extend(first);
                    taken.cpu += sides.workerd.cpu().saturating_sub(before);
                }
            }
            let [direct, bare, gateway] = taken.map(Side::of);
            figures.push(Figures {
                streams,
                concurrency,
                direct,
                bare,
                gateway,
            });
        }
    }
    Ok(Measured {
        request_bytes: sides.bytes,
        figures,
    })
}
