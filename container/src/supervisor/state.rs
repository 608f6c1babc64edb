//! OpenClaw's state beyond this container: when it may start, and when what it holds is
//! worth keeping at once.

use std::io;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use domain::drift::{Held, Part};
use domain::state::SnapshotReason;

use super::{Event, Phase, Supervisor};
use crate::log;
use crate::privileges::Separation;
use crate::settings::Settings;
use crate::snapshot::{Facts, Keeper, KeeperSettings};

/// How long a new configuration waits for the snapshot of the state before it.
const BEFORE_APPLY: Duration = Duration::from_secs(10);

/// Begins to restore.
pub(super) fn keeper(
    settings: &Settings,
    versions: Vec<String>,
    owner: Separation,
    events: Sender<Event>,
) -> io::Result<Keeper> {
    let settings = KeeperSettings {
        url: settings.state_url.clone(),
        credential: settings.credential.clone(),
        data: settings.data.clone(),
        own: settings.own_dir(),
        versions,
        owner,
    };
    Keeper::start(settings, events)
}

impl Supervisor {
    /// The state is there: OpenClaw may start, in the version that goes with it.
    pub(super) fn restored(&mut self, version: Option<&str>) -> io::Result<()> {
        if let Some(version) = version {
            let entry = self.versions.entry(version).map(Path::to_owned);
            // INVARIANT: the gateway Worker chooses from what it was told.
            let entry = entry.ok_or_else(|| {
                io::Error::other(format!("the image has no OpenClaw {version} to run"))
            })?;
            if entry != self.settings.openclaw {
                log::line(&format!("running OpenClaw {version}, not the image's own"));
            }
            self.launcher.run_from(&entry);
            self.settings.openclaw = entry;
        }
        self.tell_keeper();
        // The tree of a generation brings only the folders that it holds.
        self.launcher.prepare()?;
        if matches!(self.phase, Phase::Restoring) {
            self.phase = Phase::Unconfigured;
        }
        Ok(())
    }

    /// What the next snapshot says is in force.
    pub(super) fn tell_keeper(&self) {
        self.keeper.set_facts(Facts {
            // Until it has first answered, what it was started as.
            openclaw_version: self
                .version
                .clone()
                .or_else(|| Some(self.launcher.package_version()))
                .filter(|version| !version.is_empty()),
            policy_version: self.installed.as_ref().map(|bundle| bundle.policy_version),
            policy_hash: self
                .installed
                .as_ref()
                .map(|bundle| bundle.config_hash.clone()),
        });
    }

    /// Before a configuration or an order changes what OpenClaw does, what it did is kept. One that
    /// takes something away does not wait.
    pub(super) fn keep_before_apply(&self, stricter: bool) {
        if stricter {
            self.keeper.ask(SnapshotReason::BeforeApply);
        } else if matches!(self.phase, Phase::Running { .. })
            && !self
                .keeper
                .ask_unless_fresh(SnapshotReason::BeforeApply, BEFORE_APPLY)
        {
            log::line("a change is made without a snapshot from before");
        }
    }

    /// A device that was paired or let go is not to be forgotten.
    pub(super) fn keep_after_pairing(&self, before: Option<&Held>, now: &Held) {
        let changed =
            before.is_some_and(|before| before.0.get(&Part::Devices) != now.0.get(&Part::Devices));
        if changed {
            self.keeper.ask(SnapshotReason::Pairing);
        }
    }
}
