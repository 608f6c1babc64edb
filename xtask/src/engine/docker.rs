//! `--engine docker`: a real Docker engine instead of the embedded one.
//!
//! Thin on purpose: the image is built from container/Dockerfile by Docker's
//! own command line, and workerd gets Docker's socket.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A Docker engine on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docker {
    socket: PathBuf,
}

impl Docker {
    /// Finds the engine that `DOCKER_HOST` names (give its value, if set), or
    /// the one at Docker's usual place, and asks it for a sign of life.
    ///
    /// # Errors
    /// When there is none: says what is missing.
    pub async fn find(docker_host: Option<&str>) -> Result<Self> {
        let socket = match docker_host.filter(|host| !host.is_empty()) {
            None => PathBuf::from("/var/run/docker.sock"),
            Some(host) => match host.strip_prefix("unix://") {
                Some(path) => PathBuf::from(path),
                None => bail!(
                    "DOCKER_HOST is {host}, but workerd reaches Docker over a unix socket only: \
                     set it to unix:///path/to/docker.sock, or use --engine embedded"
                ),
            },
        };
        ping(&socket).await.with_context(|| {
            format!(
                "no Docker engine answers on {}: start Docker, or use --engine embedded",
                socket.display()
            )
        })?;
        Ok(Self { socket })
    }

    /// Where it listens, as workerd and Miniflare want it.
    pub fn socket_url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Builds `dockerfile` as `image`; shows Docker's own progress.
    ///
    /// # Errors
    /// When the docker command is missing, or the build fails.
    pub fn build(&self, checkout: &Path, dockerfile: &Path, image: &str) -> Result<()> {
        let status = Command::new("docker")
            .args([
                "--host",
                &self.socket_url(),
                "build",
                "--tag",
                image,
                "--file",
            ])
            .arg(dockerfile)
            .arg(checkout)
            .status()
            .context("cannot run the docker command: install Docker's command line")?;
        if !status.success() {
            bail!(
                "docker build of {} failed ({status}); its output above says why",
                dockerfile.display()
            );
        }
        Ok(())
    }

    /// Fetches the sidecar image through which workerd reaches containers.
    ///
    /// # Errors
    /// When the docker command is missing, or the image cannot be had.
    pub fn pull(&self, image: &str) -> Result<()> {
        let status = Command::new("docker")
            .args(["--host", &self.socket_url(), "pull", image])
            .status()
            .context("cannot run the docker command: install Docker's command line")?;
        if !status.success() {
            bail!("docker pull {image} failed ({status}); its output above says why");
        }
        Ok(())
    }
}

async fn ping(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream
        .write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.") && answer.get(8..12) == Some(b" 200") {
        Ok(())
    } else {
        Err(std::io::Error::other("what answers is no Docker engine"))
    }
}

#[cfg(test)]
mod tests {
    use super::Docker;

    #[tokio::test]
    async fn a_missing_docker_is_said_clearly() {
        let error = Docker::find(Some("tcp://example.com:2375"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("unix socket only"), "{error}");
        let error = Docker::find(Some("unix:///nowhere.sock"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("start Docker"), "{error}");
    }
}
