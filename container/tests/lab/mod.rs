//! Runs the real tedix-init natively, against a governance server in this process.

mod governance;
pub(crate) mod state;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::policy::canonical_hash;
use domain::wire::init::{ConfigBundle, Report, Watch};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

pub(crate) use governance::{CREDENTIAL, Governance};

/// What OpenClaw shows to the models host; must never appear in a log.
pub(crate) const MODEL_KEY: &str = "tmk_model-key-of-the-lab";
/// Nothing here takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// Behaves like OpenClaw as far as tedix-init can see.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/openclaw.mjs");

static LABS: AtomicU32 = AtomicU32::new(0);

/// A container's worth of directories, a governance server, and tedix-init.
pub(crate) struct Lab {
    /// Holds `etc` and `data`.
    pub(crate) directory: PathBuf,
    /// Port that OpenClaw is to listen on.
    pub(crate) port: u16,
    /// The gateway Worker's part.
    pub(crate) governance: Governance,
    environment: Vec<(String, String)>,
    init: Option<Child>,
}

impl Lab {
    /// A lab whose OpenClaw is the script, with this `fake` section as version 1.
    pub(crate) fn new(fake: &Value) -> Self {
        let mut lab = Self::empty(free_port());
        let script = install(&lab.directory, "2026.9.6");
        let versions = lab.directory.join("versions");
        lab.set("TEDIX_OPENCLAW_VERSIONS", &versions.display().to_string());
        lab.set("TEDIX_NODE", &which("node"));
        lab.set("TEDIX_OPENCLAW", &script.display().to_string());
        lab.set("TEDIX_OBSERVE_EVERY_MS", "300");
        lab.set("TEDIX_CONFIRM_TIMEOUT_MS", "2000");
        lab.set("TEDIX_STOP_TIMEOUT_MS", "1000");
        lab.governance.want(lab.bundle(1, fake));
        lab
    }

    /// A lab without an OpenClaw and a configuration.
    pub(crate) fn empty(port: u16) -> Self {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("tedix-init-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        // OpenClaw runs as another user and has to get in.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let governance = Governance::start();
        Self {
            directory,
            port,
            governance,
            environment: Vec::new(),
            init: None,
        }
    }

    /// Offers another version of OpenClaw, which is the script too.
    pub(crate) fn offer(&self, version: &str) {
        let folder = self.directory.join("versions").join(version);
        install(&folder.join("node_modules/openclaw"), version);
    }

    /// A configuration for this lab's OpenClaw.
    pub(crate) fn bundle(&self, policy_version: u64, fake: &Value) -> ConfigBundle {
        let config = json!({
            "gateway": { "port": self.port, "auth": { "mode": "trusted-proxy" } },
            "tools": { "profile": "coding" },
            "fake": fake,
            "version": policy_version,
        });
        ConfigBundle {
            policy_version,
            config_hash: canonical_hash(&config),
            config,
            watch: Watch::default(),
        }
    }

    /// Sets a variable of tedix-init's.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts tedix-init.
    pub(crate) fn start(&mut self) {
        let log = fs::File::create(self.directory.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tedix-init"));
        command
            .env_clear()
            .env("TEDIX_INIT_CREDENTIAL", CREDENTIAL)
            .env("TEDIX_MODEL_KEY", MODEL_KEY)
            .env("TEDIX_GOVERNANCE_URL", self.governance.url())
            .env("TEDIX_STATE_URL", self.governance.url())
            .env(
                "TEDIX_OPENCLAW_URL",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("TEDIX_CONFIG_FILE", self.config_file())
            .env("TEDIX_DATA", self.directory.join("data"))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.init = Some(command.spawn().unwrap());
    }

    /// Sends tedix-init a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.init.as_ref().unwrap().id();
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).unwrap();
    }

    /// SIGTERM, then tedix-init's exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Its exit code, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.init.take().unwrap().wait().unwrap().code()
    }

    /// The first report from a position on that fits; the test fails without one.
    pub(crate) fn report(
        &self,
        from: usize,
        what: &str,
        fits: impl Fn(&Report) -> bool,
    ) -> (usize, Report) {
        let mut found = None;
        self.until(what, || {
            let reports = self.governance.reports();
            found = reports
                .into_iter()
                .enumerate()
                .skip(from)
                .find(|(_, report)| fits(report));
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until OpenClaw confirmed a version.
    pub(crate) fn applied(&self, from: usize, version: u64) -> (usize, Report) {
        self.report(from, &format!("version {version} in force"), |report| {
            matches!(report, Report::Observed { policy_version, valid: true, applied: true, .. }
                if *policy_version == version)
        })
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so() {
            let reports = self.governance.reports();
            assert!(
                Instant::now() < deadline,
                "waited for {what}; {reports:#?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What tedix-init has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// What OpenClaw noted down about itself.
    pub(crate) fn notes(&self) -> String {
        fs::read_to_string(self.directory.join("data/home/notes")).unwrap_or_default()
    }

    /// Processes that OpenClaw noted down as `KIND PID`, and whether they still run.
    pub(crate) fn noted(&self, kind: &str) -> Vec<bool> {
        let notes = self.notes();
        let pids = notes
            .lines()
            .filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
        pids.map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(") S ") || stat.contains(") R ")
        })
        .collect()
    }

    /// Where the configuration lies.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.directory.join("etc/openclaw.json")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.init.is_some() {
            self.stop();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Puts a version of OpenClaw there; its entry script.
fn install(folder: &Path, version: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let script = folder.join("openclaw.mjs");
    fs::copy(SCRIPT, &script).unwrap();
    let package = json!({ "version": version, "type": "module" });
    fs::write(folder.join("package.json"), package.to_string()).unwrap();
    fs::write(folder.join("helper.mjs"), "setInterval(() => {}, 1000);").unwrap();
    script
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn which(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|directory| directory.join(program));
    found
        .find(|path| Path::new(path).is_file())
        .expect("node is on PATH")
        .display()
        .to_string()
}
