//! Watching over a Worker's process for as long as it is wanted.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::process::Process;
use super::{Event, Launch};

/// Pause before the first restart, doubled with each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A life of this length makes the next pause short again.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// Restarts the process whenever it ends, until `stopping` says stop.
pub(super) async fn watch_over(
    launch: Launch,
    mut process: Process,
    group: Arc<AtomicU32>,
    mut stopping: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let born = Instant::now();
        let ended = tokio::select! {
            biased;
            () = asked(&mut stopping) => {
                process.stop().await;
                return;
            }
            ended = process.ended() => ended,
        };
        if *stopping.borrow() {
            return;
        }
        let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        let label = launch.label.clone();
        // Nobody listens any more only when everything is being stopped.
        drop(events.send(Event::Died {
            label: label.clone(),
            how,
        }));
        if born.elapsed() > LONG_LIFE {
            pause = FIRST_PAUSE;
        }
        process = loop {
            tokio::select! {
                biased;
                () = asked(&mut stopping) => return,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let started = tokio::select! {
                biased;
                () = asked(&mut stopping) => return,
                started = start(&launch, &group) => started,
            };
            match started {
                Ok(process) => break process,
                Err(error) => {
                    let how = format!("{error:#}");
                    drop(events.send(Event::Died {
                        label: label.clone(),
                        how,
                    }));
                }
            }
        };
        drop(events.send(Event::Restarted { label }));
    }
}

/// Returns when it is to stop, or nobody is left to say so.
async fn asked(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn start(launch: &Launch, group: &Arc<AtomicU32>) -> anyhow::Result<Process> {
    let mut process = Process::spawn(launch, group)?;
    process.ready().await?;
    Ok(process)
}
