//! Finding out how this machine lets containers be isolated, by making one.

use std::os::fd::AsFd;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::EngineConfig;
use super::network::Network;
use super::process::{Helpers, StartError};
use super::spec::{ContainerSpec, Isolation, Task};

/// The isolation to use, and what to tell about it.
///
/// # Errors
/// When the isolation that was asked for does not work here.
pub(crate) async fn choose(
    config: &EngineConfig,
    helpers: &Helpers,
) -> Result<(Isolation, Vec<String>)> {
    let candidates: &[Isolation] = match config.isolation {
        Some(Isolation::None) => return Ok((Isolation::None, vec![NOT_ISOLATED.into()])),
        Some(Isolation::Namespaces) => &[Isolation::Namespaces],
        Some(Isolation::UserNamespaces) => &[Isolation::UserNamespaces],
        None if rustix::process::geteuid().is_root() => {
            &[Isolation::Namespaces, Isolation::UserNamespaces]
        }
        None => &[Isolation::UserNamespaces],
    };
    let mut reasons = Vec::new();
    for isolation in candidates {
        match attempt(config, helpers, *isolation).await {
            Ok(()) => {
                let warning = (*isolation == Isolation::UserNamespaces).then(|| SHARED_UID.into());
                return Ok((*isolation, warning.into_iter().collect()));
            }
            Err(error) => reasons.push(error.reason),
        }
    }
    let reasons = reasons.join("; ");
    if config.isolation.is_some() {
        bail!("this machine does not allow the isolation asked for: {reasons}");
    }
    let why = format!("This machine allows no namespaces ({reasons}).");
    Ok((Isolation::None, vec![why, NOT_ISOLATED.into()]))
}

const SHARED_UID: &str = "Containers run in a user namespace that has one user: inside a \
    container tedix-init and OpenClaw share it, so OpenClaw could change its own configuration. \
    Run as root for the separation that a deployment has.";

const NOT_ISOLATED: &str = "Containers are NOT isolated: they are plain processes of this user, \
    which see its files and its network. Only one gateway can run, and what its programs reach \
    through an HTTP proxy is all that its Worker sees of them.";

/// Makes and runs a container that does nothing.
async fn attempt(
    config: &EngineConfig,
    helpers: &Helpers,
    isolation: Isolation,
) -> std::result::Result<(), StartError> {
    let folder = config.state_dir.join("instances").join("probe");
    let result = run(helpers, isolation, &folder).await;
    // The next start of the engine clears what this leaves behind.
    let _ = std::fs::remove_dir_all(&folder);
    result
}

async fn run(
    helpers: &Helpers,
    isolation: Isolation,
    folder: &std::path::Path,
) -> std::result::Result<(), StartError> {
    let (staging, data) = (folder.join("root"), folder.join("data"));
    std::fs::create_dir_all(&staging)?;
    std::fs::create_dir_all(&data)?;
    let hosts_file = folder.join("hosts");
    std::fs::write(&hosts_file, "")?;

    let network = Network::create(helpers, isolation).await?;
    let null = std::fs::File::options().write(true).open("/dev/null")?;
    let mut descriptors = vec![null.as_fd(), null.as_fd()];
    descriptors.extend(network.holder());
    let spec = ContainerSpec {
        isolation,
        hostname: "probe".into(),
        staging,
        hosts_file,
        data,
        binds: Vec::new(),
        argv: vec!["true".into()],
        env: Vec::new(),
        workdir: PathBuf::from("/"),
    };
    let program = helpers.run(&Task::RunContainer(spec), &descriptors).await?;
    match program.exit_code().await {
        0 => Ok(()),
        code => Err(StartError {
            reason: format!("a first container ended with exit code {code}"),
            code,
        }),
    }
}
