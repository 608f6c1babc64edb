//! Containers on a machine without namespaces: programs like any others.
//!
//! There is no root of their own to show them, so the image's places are
//! gathered in a directory of the instance, and every path that the command
//! and the environment name is moved there. It is a stand-in good enough to
//! run one gateway, and isolates nothing.

use std::io::Result;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::spec::Bind;

/// Where an image has files of its own; all else is the machine's.
const OWN: [&str; 7] = [
    "/data",
    "/etc/openclaw",
    "/home/openclaw",
    "/opt",
    "/root",
    "/run",
    "/usr/local",
];

/// Gathers the image's places under `root`.
pub(crate) fn gather(root: &Path, binds: &[Bind], data: &Path) -> Result<()> {
    for place in OWN.iter().filter(|place| **place != "/data") {
        std::fs::create_dir_all(under(root, Path::new(place)))?;
    }
    let link = |source: &Path, target: &Path| {
        let target = under(root, target);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match std::fs::remove_file(&target) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(source, target)
    };
    link(data, Path::new("/data"))?;
    for Bind { source, target } in binds {
        link(source, target)?;
    }
    Ok(())
}

fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Moves the image's own paths in a word, or in a list of them as PATH is.
pub(crate) fn moved(root: &Path, text: &str) -> String {
    text.split(':')
        .map(|part| {
            let path = Path::new(part);
            if OWN.iter().any(|own| path.starts_with(own)) {
                under(root, path).to_string_lossy().into_owned()
            } else {
                part.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(":")
}

/// The same for the values of variables.
pub(crate) fn moved_values(root: &Path, env: &[String]) -> Vec<String> {
    env.iter()
        .map(|line| match line.split_once('=') {
            Some((name, value)) => format!("{name}={}", moved(root, value)),
            None => line.clone(),
        })
        .collect()
}

/// What makes HTTP clients go through the instance's proxy, which stands in
/// for a network of its own.
pub(crate) fn proxy_variables(port: u16) -> Vec<String> {
    let mut variables = Vec::new();
    for (name, value) in [
        ("http_proxy", format!("http://127.0.0.1:{port}")),
        ("no_proxy", "localhost,127.0.0.1".to_owned()),
    ] {
        variables.push(format!("{name}={value}"));
        variables.push(format!("{}={value}", name.to_ascii_uppercase()));
    }
    variables.push("NODE_USE_ENV_PROXY=1".to_owned());
    variables
}

#[cfg(test)]
mod tests {
    use super::{moved, moved_values};
    use std::path::Path;

    #[test]
    fn only_the_images_own_paths_are_moved() {
        let root = Path::new("/state/i/root");
        for (text, expected) in [
            ("/opt/node/bin/node", "/state/i/root/opt/node/bin/node"),
            (
                "/opt/node/bin:/usr/bin",
                "/state/i/root/opt/node/bin:/usr/bin",
            ),
            ("/data", "/state/i/root/data"),
            ("/database", "/database"),
            ("/usr/bin/env", "/usr/bin/env"),
            ("http://models.internal/v1", "http://models.internal/v1"),
            ("--flag", "--flag"),
        ] {
            assert_eq!(moved(root, text), expected, "{text}");
        }
        let env = ["TEDIX_DATA=/data".to_owned(), "A=b=/data".to_owned()];
        assert_eq!(
            moved_values(root, &env),
            ["TEDIX_DATA=/state/i/root/data", "A=b=/data"]
        );
    }
}
