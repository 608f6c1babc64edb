//! One more program in a running container, with its streams.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::container::Container;
use super::plain;
use super::process::{Helpers, StartError};
use super::spec::{ExecSpec, Isolation, Task, USERS};

/// How long output may still come after the program has ended, from programs
/// it left behind with its streams open.
const DRAIN: Duration = Duration::from_millis(500);

/// Body of `POST /containers/{name}/exec`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ExecRequest {
    pub cmd: Vec<String>,
    pub env: Option<Vec<String>>,
    pub user: Option<String>,
    pub working_dir: Option<PathBuf>,
    pub attach_stdin: bool,
    pub attach_stdout: bool,
    pub attach_stderr: bool,
    pub tty: bool,
}

/// Where an exec is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Created,
    Running { pid: u32 },
    Ended { code: i32 },
}

/// An exec as the API sees it.
#[derive(Debug)]
pub(crate) struct Exec {
    pub container: Arc<Container>,
    request: ExecRequest,
    uid: u32,
    gid: u32,
    progress: Mutex<Progress>,
}

/// Kinds of frames in Docker's multiplexed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout = 1,
    Stderr = 2,
}

impl Exec {
    /// Checks the request.
    ///
    /// # Errors
    /// With one sentence, when it asks for what is not there.
    pub(crate) fn new(container: Arc<Container>, request: ExecRequest) -> Result<Self, String> {
        if request.cmd.is_empty() {
            return Err("no command is given".into());
        }
        if request.tty {
            return Err("the embedded engine gives an exec no terminal".into());
        }
        let (uid, gid) = user(request.user.as_deref().unwrap_or_default())?;
        Ok(Self {
            container,
            request,
            uid,
            gid,
            progress: Mutex::new(Progress::Created),
        })
    }

    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks it as started; `false` when it was before.
    pub(crate) fn claim(&self) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *progress == Progress::Created;
        if first {
            *progress = Progress::Running { pid: 0 };
        }
        first
    }

    fn set(&self, to: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// Runs it to its end over a connection: standard input comes raw, output
    /// leaves in frames of an 8-byte header and up to 16 KiB.
    pub(crate) async fn run(
        &self,
        helpers: &Helpers,
        isolation: Isolation,
        input: impl AsyncRead + Unpin + Send + 'static,
        mut output: impl AsyncWrite + Unpin,
    ) {
        let code = match self
            .run_program(helpers, isolation, input, &mut output)
            .await
        {
            Ok(code) => code,
            Err(StartError { reason, code }) => {
                // As Docker does: the reason is the exec's error output. The
                // client may be gone, which changes nothing.
                let text = format!("{reason}\n");
                let _ = write_frame(&mut output, Stream::Stderr, text.as_bytes()).await;
                code
            }
        };
        self.set(Progress::Ended { code });
        let _ = output.shutdown().await;
    }

    async fn run_program(
        &self,
        helpers: &Helpers,
        isolation: Isolation,
        input: impl AsyncRead + Unpin + Send + 'static,
        output: &mut (impl AsyncWrite + Unpin),
    ) -> Result<i32, StartError> {
        let init = self.container.program().await.ok_or_else(|| StartError {
            reason: "the container does not run".into(),
            code: 125,
        })?;
        let (stdin, to_stdin) = std::io::pipe()?;
        let (from_stdout, stdout) = std::io::pipe()?;
        let (from_stderr, stderr) = std::io::pipe()?;
        let theirs: [OwnedFd; 3] = [stdin.into(), stdout.into(), stderr.into()];
        let mut descriptors: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
        if isolation != Isolation::None {
            descriptors.push(init.as_fd());
        }
        let program = helpers
            .run(&Task::RunExec(self.spec(isolation)), &descriptors)
            .await?;
        drop(descriptors);
        // The ends the program has: ours would keep its streams open.
        drop(theirs);
        self.set(Progress::Running { pid: program.pid });

        let writer = Sender::from_owned_fd(to_stdin.into())?;
        let attach_stdin = self.request.attach_stdin;
        let stdin = tokio::spawn(async move {
            if attach_stdin {
                feed(input, writer).await;
            }
        });
        let (sender, mut frames) = mpsc::channel(8);
        for (stream, wanted, pipe) in [
            (Stream::Stdout, self.request.attach_stdout, from_stdout),
            (Stream::Stderr, self.request.attach_stderr, from_stderr),
        ] {
            let pipe = Receiver::from_owned_fd(pipe.into())?;
            tokio::spawn(collect(pipe, stream, wanted, sender.clone()));
        }
        drop(sender);

        let mut connected = true;
        let ended = program.exit_code();
        let drained = tokio::time::sleep(DRAIN);
        tokio::pin!(ended, drained);
        let mut code = None;
        loop {
            tokio::select! {
                biased;
                frame = frames.recv() => match frame {
                    Some((stream, bytes)) if connected => {
                        connected = write_frame(output, stream, &bytes).await.is_ok();
                    }
                    Some(_) => {}
                    None => break,
                },
                ended = &mut ended, if code.is_none() => {
                    code = Some(ended);
                    // Programs it left in the background may hold the streams.
                    drained.as_mut().reset(Instant::now() + DRAIN);
                }
                () = &mut drained, if code.is_some() => break,
            }
        }
        let code = match code {
            Some(code) => code,
            None => ended.await,
        };
        stdin.abort();
        Ok(code)
    }

    fn spec(&self, isolation: Isolation) -> ExecSpec {
        let extra = self.request.env.as_deref().unwrap_or_default();
        let mut env = self.container.environment(home(self.uid), extra);
        let mut argv = self.request.cmd.clone();
        if isolation == Isolation::None {
            let root = self.container.staging();
            env = plain::moved_values(&root, &env);
            argv = argv.iter().map(|word| plain::moved(&root, word)).collect();
        }
        ExecSpec {
            isolation,
            argv,
            env,
            workdir: self
                .request
                .working_dir
                .clone()
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| self.container.workdir()),
            uid: self.uid,
            gid: self.gid,
        }
    }
}

/// Copies a connection into standard input; its end is the input's end.
async fn feed(mut input: impl AsyncRead + Unpin, mut writer: Sender) {
    // A program that does not read its input is no error.
    let _ = tokio::io::copy(&mut input, &mut writer).await;
}

/// Reads one output stream; what nobody asked for is read all the same, so
/// that the program does not block.
async fn collect(
    mut pipe: Receiver,
    stream: Stream,
    wanted: bool,
    frames: mpsc::Sender<(Stream, Vec<u8>)>,
) {
    loop {
        let mut bytes = Vec::with_capacity(16 * 1024);
        match pipe.read_buf(&mut bytes).await {
            Ok(1..) if !wanted => {}
            Ok(1..) => {
                if frames.send((stream, bytes)).await.is_err() {
                    return;
                }
            }
            Ok(_) | Err(_) => return,
        }
    }
}

async fn write_frame(
    output: &mut (impl AsyncWrite + Unpin),
    stream: Stream,
    bytes: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(8 + bytes.len());
    frame.extend([stream as u8, 0, 0, 0]);
    frame.extend(length);
    frame.extend(bytes);
    output.write_all(&frame).await?;
    output.flush().await
}

/// The home of a user; the root directory for one that has none.
fn home(uid: u32) -> &'static str {
    let user = USERS.iter().find(|(_, known, ..)| *known == uid);
    user.map_or("/", |(_, _, _, home, _)| home)
}

/// Reads `name`, `uid`, `name:group` or `uid:gid`.
fn user(text: &str) -> Result<(u32, u32), String> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let known = |name: &str| USERS.iter().find(|(known, ..)| *known == name);
    let (uid, gid) = match (user, known(user)) {
        ("", _) => (0, 0),
        (_, Some((_, uid, gid, ..))) => (*uid, *gid),
        (number, None) => {
            let uid = number
                .parse()
                .map_err(|_| format!("there is no user \"{user}\" in the container"))?;
            let own = USERS.iter().find(|(_, known, ..)| *known == uid);
            (uid, own.map_or(0, |(_, _, gid, ..)| *gid))
        }
    };
    let gid = match (group, known(group)) {
        ("", _) => gid,
        (_, Some((_, _, gid, ..))) => *gid,
        (number, None) => number
            .parse()
            .map_err(|_| format!("there is no group \"{group}\" in the container"))?,
    };
    Ok((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::user;

    #[test]
    fn users_are_names_or_numbers() {
        assert_eq!(user(""), Ok((0, 0)));
        assert_eq!(user("openclaw"), Ok((1000, 1000)));
        assert_eq!(user("1000"), Ok((1000, 1000)));
        assert_eq!(user("1000:0"), Ok((1000, 0)));
        assert_eq!(user("4242:openclaw"), Ok((4242, 1000)));
        assert!(user("mallory").is_err());
        assert!(user("root:wheel").is_err());
    }
}
