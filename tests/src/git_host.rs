//! A Git server on loopback: a repository behind `git http-backend`, and the APIs over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::git_api::{GitApi, NAME};

/// What who asks the APIs must bring.
pub const API_TOKEN: &str = "e2e-git-api-token";

/// A repository and its server, which ends when it is dropped.
#[derive(Debug)]
pub struct GitHost {
    /// The repository's address.
    pub url: String,
    folder: TempDir,
    api: Arc<Mutex<GitApi>>,
    with_credential: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl GitHost {
    /// Starts it with an empty repository.
    ///
    /// # Errors
    /// When there is no `git`, or the port is taken.
    pub async fn start(port: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        git(folder.path(), &["init", "--quiet", "--initial-branch=main"])?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("http://{}/{NAME}.git", listener.local_addr()?);
        let api = GitApi::new(folder.path().to_owned(), API_TOKEN);
        let api = Arc::new(Mutex::new(api));
        let with_credential = Arc::new(AtomicUsize::new(0));
        let (repository, seen) = (folder.path().join(".git"), Arc::clone(&with_credential));
        let served = Arc::clone(&api);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (repository, seen) = (repository.clone(), Arc::clone(&seen));
                let api = Arc::clone(&served);
                tokio::spawn(async move {
                    // A caller that goes away in the middle is its own affair.
                    let _ = serve(stream, repository, &api, &seen).await;
                });
            }
        });
        Ok(Self {
            url,
            folder,
            api,
            with_credential,
            task,
        })
    }

    /// Commits a file; the commit.
    ///
    /// # Errors
    /// When Git refuses it.
    pub fn commit(&self, path: &str, text: &str) -> anyhow::Result<String> {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().context("a path without a folder")?)?;
        fs::write(file, text)?;
        git(self.folder.path(), &["add", "--all"])?;
        git(self.folder.path(), &["commit", "--quiet", "-m", path])?;
        git(self.folder.path(), &["rev-parse", "HEAD"])
    }

    /// What a file holds on a branch.
    ///
    /// # Errors
    /// When it is not there.
    pub fn show(&self, branch: &str, path: &str) -> anyhow::Result<String> {
        git(self.folder.path(), &["show", &format!("{branch}:{path}")])
    }

    /// Does something with the APIs.
    pub fn with_api<T>(&self, body: impl FnOnce(&mut GitApi) -> T) -> T {
        body(&mut self.api.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests for objects that came with a credential.
    #[must_use]
    pub fn with_credential(&self) -> usize {
        self.with_credential.load(Ordering::Relaxed)
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .output()
        .context("git cannot be run")?;
    ensure!(output.status.success(), "{arguments:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

async fn serve(
    stream: TcpStream,
    repository: PathBuf,
    api: &Mutex<GitApi>,
    seen: &AtomicUsize,
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(Ok(0), |length| length.parse())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let mut words = head.split(' ');
    let (method, target) = (words.next(), words.next());
    if let Some(target) = target.filter(|target| target.starts_with("/api/")) {
        let body = serde_json::from_slice(&body).ok();
        let token = header("authorization");
        let (status, body) = {
            let mut api = api.lock().unwrap_or_else(PoisonError::into_inner);
            let method = method.unwrap_or_default();
            api.answer(method, target, token.as_deref(), body.as_ref())
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        return Ok(stream.flush().await?);
    }
    if header("authorization").is_some() {
        seen.fetch_add(1, Ordering::Relaxed);
    }
    let (path, query) = target
        .and_then(|target| target.split_once('?'))
        .unwrap_or((target.unwrap_or_default(), ""));
    let path = path.strip_prefix("/acme/skills.git").unwrap_or_default();
    let mut backend = Command::new("git");
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &repository)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("REQUEST_METHOD", method.unwrap_or_default())
        .env("QUERY_STRING", query)
        .env("CONTENT_LENGTH", length.to_string())
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*");
    for (name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        backend.envs(header(name).map(|value| (variable, value)));
    }
    let output = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        backend.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = backend.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&body)?;
        }
        child.wait_with_output()
    });
    let output = output.await??.stdout;
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.context("no head")?;
    let (head, body) = output.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: "));
    let answer = format!(
        "HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
        status.unwrap_or("200 OK"),
        head.trim_end().to_owned() + "\r\n",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(body).await?;
    Ok(stream.flush().await?)
}

#[cfg(test)]
mod tests {
    use anyhow::ensure;
    use serde_json::Value;

    use super::{API_TOKEN, GitHost, git};

    #[test]
    fn it_serves_the_repository_and_the_apis_over_it() -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let host = GitHost::start(0).await?;
            let commit = host.commit("skills/a/SKILL.md", "One\n")?;
            let (url, folder) = (host.url.clone(), host.folder.path().to_owned());
            let listed = move || git(&folder, &["ls-remote", &url, "refs/heads/main"]);
            let listed = tokio::task::spawn_blocking(listed).await??;
            ensure!(listed == format!("{commit}\trefs/heads/main"), "{listed}");
            ensure!(host.show("main", "skills/a/SKILL.md")? == "One");
            ensure!(host.with_credential() == 0);

            let api = host.url.replace("/acme/", "/api/v3/repos/acme/");
            let api = api.replace(".git", "/git/ref/heads/main");
            let client = reqwest::Client::new();
            let refused = client.get(&api).send().await?;
            ensure!(refused.status() == 401, "{refused:?}");
            let found = client.get(&api).bearer_auth(API_TOKEN).send().await?;
            let found: Value = serde_json::from_slice(&found.bytes().await?)?;
            ensure!(found["object"]["sha"] == commit.as_str(), "{found}");
            ensure!(host.with_api(|api| api.faults.len()) == 1);
            Ok(())
        })
    }
}
