//! One more program in a running container.
//!
//! The helper enters the container's namespaces, but only its child enters the
//! process namespace: no code of ours ever runs where the container could see
//! or trace it.

use std::io::{Error, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::thread::ThreadNameSpaceType;

use super::{Context, Failure, namespaces, privileges, run};
use crate::engine::spec::{DEFAULT_PATH, ExecSpec, Isolation};

/// Runs the program until it ends or the engine does.
pub(super) fn launch(
    socket: &OwnedFd,
    spec: &ExecSpec,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Failure> {
    let mut descriptors = descriptors.into_iter();
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (descriptors.next(), descriptors.next(), descriptors.next())
    else {
        return Err(Error::other("descriptors are missing")).doing("read the task");
    };
    if spec.isolation != Isolation::None {
        let init = descriptors
            .next()
            .ok_or_else(|| Error::other("the container's process is missing"))
            .doing("read the task")?;
        namespaces::join(
            &init,
            spec.isolation,
            ThreadNameSpaceType::MOUNT
                | ThreadNameSpaceType::NETWORK
                | ThreadNameSpaceType::PROCESS_ID
                | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
                | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
        )
        .doing("enter the container")?;
    }
    let mut command = program(&spec.argv, &spec.env, &spec.workdir)?;
    match spec.isolation {
        Isolation::Namespaces => {
            privileges::drop_privileges().doing("give up privileges")?;
            command.uid(spec.uid).gid(spec.gid);
        }
        Isolation::UserNamespaces => {
            privileges::drop_privileges().doing("give up privileges")?;
        }
        Isolation::None => {}
    }
    let child = command
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .spawn()
        .map_err(|error| failure(&spec.argv, &error))?;
    drop(command);
    let pidfd = run::pidfd_of(&child)?;
    run::supervise(socket, child, &pidfd)
}

/// A command with exactly this environment, its program found on this PATH.
pub(super) fn program(argv: &[String], env: &[String], workdir: &Path) -> Result<Command, Failure> {
    let Some((name, arguments)) = argv.split_first() else {
        return Err(Failure {
            reason: "no command is given, and the image has none".into(),
            code: 125,
        });
    };
    let variables: Vec<_> = env.iter().filter_map(|line| line.split_once('=')).collect();
    let path = variables
        .iter()
        .rev()
        .find(|(name, _)| *name == "PATH")
        .map_or(DEFAULT_PATH, |(_, path)| path);
    let mut command = Command::new(find(name, path, workdir)?);
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(workdir);
    Ok(command)
}

/// Looks a program up as `execvp` does, with Docker's exit codes.
fn find(name: &str, path: &str, workdir: &Path) -> Result<PathBuf, Failure> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![workdir.join(name)]
    } else {
        path.split(':')
            .map(|folder| Path::new(folder).join(name))
            .collect()
    };
    let mut found = None;
    for candidate in candidates {
        let Ok(metadata) = candidate.metadata() else {
            continue;
        };
        if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
            return Ok(candidate);
        }
        found = Some(candidate);
    }
    Err(match found {
        Some(path) => Failure {
            reason: format!("{}: permission denied", path.display()),
            code: 126,
        },
        None => Failure {
            reason: format!("{name}: no such program in the container"),
            code: 127,
        },
    })
}

/// Why the kernel would not start a program.
pub(super) fn failure(argv: &[String], error: &Error) -> Failure {
    let name = argv.first().map_or("", String::as_str);
    Failure {
        code: match error.kind() {
            ErrorKind::NotFound => 127,
            ErrorKind::PermissionDenied => 126,
            _ => 125,
        },
        reason: format!("start {name}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{find, program};
    use std::path::Path;

    #[test]
    fn programs_are_looked_up_on_the_path_given() {
        assert_eq!(
            find("sh", "/nowhere:/bin", Path::new("/")).unwrap(),
            Path::new("/bin/sh")
        );
        assert_eq!(
            find("sh", "/nowhere", Path::new("/")).unwrap_err().code,
            127
        );
        assert_eq!(
            find("/etc/passwd", "", Path::new("/")).unwrap_err().code,
            126
        );
        assert_eq!(
            find("./sh", "", Path::new("/bin")).unwrap(),
            Path::new("/bin/./sh")
        );
    }

    #[test]
    fn an_empty_command_is_refused() {
        assert_eq!(program(&[], &[], Path::new("/")).unwrap_err().code, 125);
    }
}
