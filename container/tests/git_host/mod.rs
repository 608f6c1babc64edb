//! A repository, `git http-backend`, and what the gateway Worker does in front of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::lab::CREDENTIAL;

/// The server.
#[derive(Clone)]
pub(crate) struct GitHost {
    port: u16,
    folder: Arc<tempfile::TempDir>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    down: bool,
    kept: BTreeMap<String, Vec<u8>>,
    strangers: u32,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl GitHost {
    /// An empty repository, served under every name.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("checkout");
        fs::create_dir_all(work.join("skills/hello")).unwrap();
        git(&work, &["init", "--quiet", "--initial-branch=main"]);
        std::os::unix::fs::symlink("/etc/passwd", work.join("skills/hello/link")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Self {
            port: listener.local_addr().unwrap().port(),
            folder: Arc::new(folder),
            state: Arc::default(),
        };
        let server = host.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                // A caller that goes away in the middle is its own affair.
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        host
    }

    /// Its origin.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    /// Commits a skill of this text; its id.
    pub(crate) fn commit(&self, text: &str) -> String {
        let work = self.work();
        fs::write(work.join("skills/hello/SKILL.md"), text).unwrap();
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "-m", text]);
        git(&work, &["rev-parse", "HEAD"])
    }

    /// Whether the Git host is down; what is kept is still there.
    pub(crate) fn set_down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// Whether a pack is kept.
    pub(crate) fn kept(&self, path: &str) -> bool {
        self.state.lock().unwrap().kept.contains_key(path)
    }

    /// Changes a byte in everything that is kept.
    pub(crate) fn damage(&self) {
        for pack in self.state.lock().unwrap().kept.values_mut() {
            let middle = pack.len() / 2;
            pack[middle] ^= 0xff;
        }
    }

    /// Has one pack under the name of another.
    pub(crate) fn swap(&self, from: &str, to: &str) {
        let mut state = self.state.lock().unwrap();
        let pack = state.kept[from].clone();
        state.kept.insert(to.to_owned(), pack);
    }

    /// Requests without the credential.
    pub(crate) fn strangers(&self) -> u32 {
        self.state.lock().unwrap().strangers
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length");
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, kind, answer) = self.answer(&first, &headers, body);
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        )?;
        stream.write_all(&answer)
    }

    fn answer(
        &self,
        first: &str,
        headers: &BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> (u16, String, Vec<u8>) {
        let plain =
            |status: u16, body: Vec<u8>| (status, "application/octet-stream".to_owned(), body);
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut state = self.state.lock().unwrap();
        if headers.get("authorization") != Some(&format!("Bearer {CREDENTIAL}")) {
            state.strangers += 1;
            return plain(401, Vec::new());
        }
        if path.contains("/cache/") {
            if method == "PUT" {
                assert!(headers.contains_key(domain::wire::git::SHA256_HEADER));
                state.kept.insert(path.to_owned(), body);
                return plain(201, Vec::new());
            }
            return match state.kept.get(path) {
                Some(pack) => plain(200, pack.clone()),
                None => plain(404, Vec::new()),
            };
        }
        if state.down {
            return plain(502, Vec::new());
        }
        drop(state);
        let end = path
            .find("/info/refs")
            .or(path.find("/git-upload-pack"))
            .unwrap();
        let mut backend = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", self.folder.path())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", format!("/checkout/.git{}", &path[end..]))
            .env("REQUEST_METHOD", method)
            .env("QUERY_STRING", query)
            .env("CONTENT_LENGTH", body.len().to_string())
            .envs(
                headers
                    .get("content-type")
                    .map(|value| ("CONTENT_TYPE", value)),
            )
            .envs(
                headers
                    .get("git-protocol")
                    .map(|value| ("GIT_PROTOCOL", value)),
            )
            .envs(
                headers
                    .get("content-encoding")
                    .map(|value| ("HTTP_CONTENT_ENCODING", value)),
            )
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        backend.stdin.take().unwrap().write_all(&body).unwrap();
        let output = backend.wait_with_output().unwrap().stdout;
        let head = output
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        let text = String::from_utf8_lossy(&output[..head]).into_owned();
        let header = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
        };
        let status = header("Status:").map_or(200, |status| status[..3].parse().unwrap());
        (
            status,
            header("Content-Type:").unwrap_or_default(),
            output[head + 4..].to_vec(),
        )
    }
}
