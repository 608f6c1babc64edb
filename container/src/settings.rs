//! What tedix-init is told, all of it by environment variables.
//!
//! Two are required and come from the gateway Worker: `TEDIX_INIT_CREDENTIAL`
//! and `TEDIX_MODEL_KEY`. The others say where things are and have the
//! container's places as defaults; tests set them.

use std::path::PathBuf;
use std::time::Duration;

use domain::secret::Secret;
use domain::wire::init::{
    GIT_HOST, GOVERNANCE_HOST, INIT_CREDENTIAL_ENV, MODEL_KEY_ENV, OPENCLAW_PORT, STATE_HOST,
};

/// User and group that OpenClaw runs as in the image.
pub(crate) const OPENCLAW_UID: u32 = 1000;
/// How long OpenClaw may take from its start until it answers. It needs 12 to 28
/// seconds on two free cores and over a minute on busy ones.
const START_TIMEOUT: Duration = Duration::from_secs(240);
/// How long it may take to take up a configuration while it runs: usually under
/// 2 seconds, 15 where it restarts itself for it.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);
/// How often OpenClaw is asked what it runs with.
const OBSERVE_EVERY: Duration = Duration::from_secs(10);
/// How long OpenClaw may take to end. It would wait 315 seconds for a command
/// that an agent left running.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// Everything tedix-init is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Proves to `governance.internal` who we are. Never passed on.
    pub credential: Secret,
    /// What OpenClaw shows to `models.internal`.
    pub model_key: Secret,
    /// Origin that answers configuration and reports.
    pub governance_url: String,
    /// Origin that keeps OpenClaw's state.
    pub state_url: String,
    /// Origin that answers what is brought from Git repositories.
    pub git_url: String,
    /// Origin that OpenClaw answers at.
    pub openclaw_url: String,
    /// Program that runs OpenClaw.
    pub node: PathBuf,
    /// OpenClaw's entry script: the image's own version.
    pub openclaw: PathBuf,
    /// Other versions, each in a folder of its name.
    pub openclaw_versions: PathBuf,
    /// The configuration that OpenClaw reads.
    pub config_file: PathBuf,
    /// What lasts: `openclaw/` is OpenClaw's, `tedix/` ours.
    pub data: PathBuf,
    /// Where Node keeps compiled code between starts; the image brings one.
    pub compile_cache: PathBuf,
    /// User and group of OpenClaw.
    pub uid: u32,
    /// How long OpenClaw may take to start.
    pub start_timeout: Duration,
    /// How long it may take to take up a configuration.
    pub confirm_timeout: Duration,
    /// How often it is asked what it runs with.
    pub observe_every: Duration,
    /// How long it may take to end.
    pub stop_timeout: Duration,
    /// How long it must stay healthy with a new configuration, where a test says so.
    pub health_window: Option<Duration>,
}

impl Settings {
    /// Reads the environment.
    pub(crate) fn from_env() -> Result<Self, String> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::from(read)
    }

    fn from(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let secret = |name: &str| {
            read(name).map(Secret::new).ok_or_else(|| {
                format!(
                    "{name} is not set; the gateway Worker passes it when it starts the container"
                )
            })
        };
        let path = |name: &str, default: &str| {
            PathBuf::from(read(name).unwrap_or_else(|| default.to_owned()))
        };
        let time = |name: &str, default: Duration| match read(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map(Duration::from_millis)
                .map_err(|_| format!("{name} is a number of milliseconds, not {text:?}")),
        };
        let data = path("TEDIX_DATA", "/data");
        Ok(Self {
            credential: secret(INIT_CREDENTIAL_ENV)?,
            model_key: secret(MODEL_KEY_ENV)?,
            governance_url: read("TEDIX_GOVERNANCE_URL")
                .unwrap_or_else(|| format!("http://{GOVERNANCE_HOST}")),
            state_url: read("TEDIX_STATE_URL").unwrap_or_else(|| format!("http://{STATE_HOST}")),
            git_url: read("TEDIX_GIT_URL").unwrap_or_else(|| format!("http://{GIT_HOST}")),
            openclaw_url: read("TEDIX_OPENCLAW_URL")
                .unwrap_or_else(|| format!("http://127.0.0.1:{OPENCLAW_PORT}")),
            node: path("TEDIX_NODE", "/opt/node/bin/node"),
            openclaw: path(
                "TEDIX_OPENCLAW",
                "/opt/openclaw/node_modules/openclaw/openclaw.mjs",
            ),
            openclaw_versions: path("TEDIX_OPENCLAW_VERSIONS", "/opt/openclaw/versions"),
            config_file: path("TEDIX_CONFIG_FILE", "/etc/openclaw/openclaw.json"),
            compile_cache: read("TEDIX_COMPILE_CACHE")
                .map_or_else(|| data.join("compile-cache"), PathBuf::from),
            data,
            uid: OPENCLAW_UID,
            start_timeout: time("TEDIX_START_TIMEOUT_MS", START_TIMEOUT)?,
            confirm_timeout: time("TEDIX_CONFIRM_TIMEOUT_MS", CONFIRM_TIMEOUT)?,
            observe_every: time("TEDIX_OBSERVE_EVERY_MS", OBSERVE_EVERY)?,
            stop_timeout: time("TEDIX_STOP_TIMEOUT_MS", STOP_TIMEOUT)?,
            health_window: match read("TEDIX_HEALTH_WINDOW_MS") {
                Some(_) => Some(time("TEDIX_HEALTH_WINDOW_MS", Duration::ZERO)?),
                None => None,
            },
        })
    }

    /// OpenClaw's state directory.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.data.join("openclaw")
    }

    /// OpenClaw's home directory.
    pub(crate) fn home_dir(&self) -> PathBuf {
        self.data.join("home")
    }

    /// What tedix-init remembers.
    pub(crate) fn own_dir(&self) -> PathBuf {
        self.data.join("tedix")
    }
}

#[cfg(test)]
impl Settings {
    /// What a container is told, with nothing changed.
    pub(crate) fn for_tests() -> Self {
        Self::from(|name| {
            matches!(name, "TEDIX_INIT_CREDENTIAL" | "TEDIX_MODEL_KEY").then(|| "s3cret".to_owned())
        })
        .unwrap_or_else(|error| unreachable!("{error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn the_container_needs_two_variables() {
        let settings = Settings::for_tests();
        assert_eq!(settings.governance_url, "http://governance.internal");
        assert_eq!(settings.state_url, "http://state.internal");
        assert_eq!(settings.git_url, "http://git.internal");
        assert_eq!(settings.openclaw_url, "http://127.0.0.1:18789");
        assert_eq!(settings.state_dir().to_str(), Some("/data/openclaw"));
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn a_missing_or_wrong_variable_is_named() {
        assert!(
            Settings::from(|_| None)
                .unwrap_err()
                .contains("TEDIX_INIT_CREDENTIAL")
        );
        let wrong = Settings::from(|_| Some("soon".to_owned())).unwrap_err();
        assert!(wrong.contains("TEDIX_START_TIMEOUT_MS"), "{wrong}");
    }
}
