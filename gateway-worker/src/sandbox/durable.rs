//! The Durable Object itself: a shell that parses, asks [`Core`] and carries out
//! what it decides. There are no rules here.

#![expect(
    missing_docs,
    reason = "the macro generates methods without documentation"
)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use domain::problem::Problem;
use worker::{
    DurableObject, Env, Request, Response, Result, State, Url, console_error, durable_object,
};

use super::container::SandboxContainer;
use super::core::{Core, GATEWAY, Task};
use super::lifecycle::{Effect, Input};
use super::{browsers, clones, dispatch, front_door};
use crate::adapters::clock::now;
use crate::adapters::env;
use crate::adapters::git_api::GitHostApi;
use crate::adapters::registry_http::PlatformFetch;
use crate::adapters::sql::DurableSql;
use crate::command::Command;
use crate::forge::{self, Failure};
use crate::ports::RegistryHttp;

/// How often a running container is looked after without anybody asking, in milliseconds.
const WATCH_MS: i64 = 300_000;

/// One gateway's Durable Object.
#[durable_object]
pub struct Sandbox {
    shell: Rc<Shell>,
}

/// What the Durable Object holds between events. All of it can be lost: what
/// matters is in the database.
pub(super) struct Shell {
    state: State,
    pub(super) env: Env,
    core: RefCell<Option<Core<DurableSql>>>,
    tasks: RefCell<VecDeque<Task>>,
    performing: Cell<bool>,
    watched: Cell<Option<u64>>,
    alarm_at: Cell<Option<i64>>,
    awake: Cell<bool>,
}

impl DurableObject for Sandbox {
    fn new(state: State, env: Env) -> Self {
        let shell = Shell {
            state,
            env,
            core: RefCell::default(),
            tasks: RefCell::default(),
            performing: Cell::new(false),
            watched: Cell::new(None),
            alarm_at: Cell::new(None),
            awake: Cell::new(false),
        };
        Self {
            shell: Rc::new(shell),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let url: Url = request.url()?;
        self.shell.wake_up();
        let response = if url.host_str() == Some("openclaw") {
            front_door::serve(&self.shell, request.inner(), &url).await?
        } else {
            let command: Command = serde_json::from_str(&request.text().await?)?;
            let outcome = dispatch::answer(&self.shell, command).await;
            Response::from_json(&outcome)?
        };
        self.shell.follow_up();
        Ok(response)
    }

    async fn alarm(&self) -> Result<Response> {
        self.shell.alarm_at.set(None);
        self.shell.wake_up();
        self.shell.look_after();
        self.shell.follow_up();
        Response::empty()
    }
}

impl Shell {
    /// Runs something against the rules; the database is opened on first use.
    ///
    /// INVARIANT: `body` is synchronous, so the state is never borrowed over an await.
    pub(super) fn with<T>(
        &self,
        body: impl FnOnce(&mut Core<DurableSql>) -> std::result::Result<T, Problem>,
    ) -> std::result::Result<T, Problem> {
        let mut slot = self.core.borrow_mut();
        if slot.is_none() {
            *slot = Some(self.open()?);
        }
        let Some(core) = slot.as_mut() else {
            return Err(Problem::internal("The gateway could not open its records."));
        };
        let outcome = body(core);
        self.tasks.borrow_mut().extend(core.take_tasks());
        outcome
    }

    fn open(&self) -> std::result::Result<Core<DurableSql>, Problem> {
        let settings = env::settings(&self.env)?.as_ref().clone();
        let boot_id = dispatch::random_id()?;
        let db = DurableSql(self.state.storage().sql());
        Core::open(db, settings, boot_id, now()).map_err(|error| {
            console_error!("{error}");
            error.into()
        })
    }

    /// Names this Durable Object, and with it the gateway's folder in the bucket:
    /// unlike its name it is no other deployment's.
    pub(super) fn line(&self) -> String {
        self.state.id().to_string()
    }

    pub(super) fn container(&self) -> Option<SandboxContainer> {
        SandboxContainer::of(&self.state)
    }

    fn is_running(&self) -> bool {
        self.container()
            .is_some_and(|container| container.is_running())
    }

    /// Once in a life: compares what should run with what does.
    fn wake_up(&self) {
        if self.awake.replace(true) {
            return;
        }
        let running = self.is_running();
        if let Err(problem) = self.with(|core| core.awake(running, now())) {
            console_error!("waking up: {problem}");
            self.awake.set(false);
        }
    }

    /// Does what is due, and notices an exit that nobody reported.
    fn look_after(self: &Rc<Self>) {
        let running = self.is_running();
        // A start that was decided but not carried out yet is not an exit.
        let settled = !self.performing.get() && self.tasks.borrow().is_empty();
        let outcome = self.with(|core| {
            if settled && core.state().expects_container() && !running {
                let run = core.state().run;
                let reason = "the container is gone".to_owned();
                core.happen(
                    Input::Exited {
                        run,
                        code: None,
                        reason,
                    },
                    GATEWAY,
                    now(),
                )?;
            }
            core.tick(now())?;
            Ok((core.state().expects_container(), core.state().run))
        });
        match outcome {
            Ok((true, run)) if running => self.watch(run),
            Ok(_) => {}
            Err(problem) => console_error!("alarm: {problem}"),
        }
    }

    /// Starts whatever has to go on after this event.
    fn follow_up(self: &Rc<Self>) {
        let shell = Rc::clone(self);
        self.state.wait_until(async move {
            shell.perform().await;
            shell.beat().await;
            shell.set_alarm().await;
            if shell.ask_git_hosts().await {
                shell.perform().await;
                shell.beat().await;
                shell.set_alarm().await;
            }
            if clones::step(&shell).await {
                shell.perform().await;
                shell.beat().await;
                shell.set_alarm().await;
            }
        });
    }

    /// Does what is due at Git hosts; whether anything was.
    async fn ask_git_hosts(&self) -> bool {
        let mut any = false;
        loop {
            let line = self.line();
            let job = match self.with(|core| Ok(core.begin_pull(&line, now())?)) {
                Ok(Some(job)) => job,
                Ok(None) => return any,
                Err(problem) => {
                    console_error!("pull requests: {problem}");
                    return any;
                }
            };
            any = true;
            let repository = &job.source.repository;
            let outcome = match env::git_tokens(&self.env) {
                Ok(tokens) => match tokens.of(repository) {
                    Some(token) => forge::run(&GitHostApi(token), &job).await,
                    None => Err(Failure::Later(format!(
                        "the secret GIT_API_TOKENS has no token for {repository}"
                    ))),
                },
                Err(why) => Err(Failure::Later(why.to_owned())),
            };
            if let Err(problem) = self.with(|core| Ok(core.pull_done(&job, outcome, now())?)) {
                console_error!("pull requests: {problem}");
                return any;
            }
        }
    }

    /// Carries out what was decided, strictly in order.
    async fn perform(self: &Rc<Self>) {
        if self.performing.replace(true) {
            // Whoever is at it takes the new ones too.
            return;
        }
        while let Some(task) = self.next_task() {
            match task {
                Task::Container(Effect::Launch { run }) => self.launch(run).await,
                Task::Container(Effect::Adopt { run }) => self.adopt(run).await,
                Task::Container(Effect::Terminate) => {
                    self.act("stop", |container| container.terminate());
                }
                Task::Container(Effect::Kill) => self.kill().await,
                Task::Container(Effect::Announce) => self.hurry(),
                Task::CloseBrowsers => browsers::close(self).await,
                Task::Reload => self.act("reload", |container| container.reload()),
            }
        }
        self.performing.set(false);
    }

    fn next_task(&self) -> Option<Task> {
        self.tasks.borrow_mut().pop_front()
    }

    async fn launch(self: &Rc<Self>, run: u64) {
        match self.try_launch(run).await {
            Ok(()) => self.watch(run),
            Err(reason) => self.ended(
                run,
                None,
                format!("the container could not be started: {reason}"),
            ),
        }
    }

    async fn try_launch(&self, run: u64) -> std::result::Result<(), String> {
        use domain::wire::init::{INIT_CREDENTIAL_ENV, MODEL_KEY_ENV};
        let container = self.container().ok_or("this deployment has no container")?;
        if container.is_running() {
            // One that nobody knows of: its credentials are lost, so it is of no use.
            container.kill().await.map_err(|error| error.to_string())?;
        }
        let random = || edge::random::bytes::<32>().map_err(|error| error.to_string());
        let random = (random()?, random()?);
        let issued = self.with(|core| Ok(core.issue_credentials(run, random)?));
        let issued = issued.map_err(|problem| problem.to_string())?;
        let variables = [
            (INIT_CREDENTIAL_ENV, issued.init.expose()),
            (MODEL_KEY_ENV, issued.model.expose()),
        ];
        container
            .start(&self.env, &variables)
            .await
            .map_err(|error| error.to_string())
    }

    async fn adopt(self: &Rc<Self>, run: u64) {
        let Some(container) = self.container() else {
            return;
        };
        let outcome = match container.intercept(&self.env).await {
            Ok(()) => container.keep_alive().await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            console_error!("adopting the running container: {error}");
        }
        self.watch(run);
    }

    async fn kill(&self) {
        let Some(container) = self.container() else {
            return;
        };
        if let Err(error) = container.kill().await {
            console_error!("destroy: {error}");
        }
        if !container.is_running() {
            let run = self.with(|core| Ok(core.state().run));
            if let Ok(run) = run {
                self.ended(run, None, "it was ended at once".to_owned());
            }
        }
    }

    fn act(&self, what: &str, action: impl FnOnce(&SandboxContainer) -> Result<()>) {
        let Some(container) = self.container() else {
            return;
        };
        // When it does not run any more its end is noticed elsewhere.
        if let Err(error) = action(&container) {
            console_error!("{what}: {error}");
        }
    }

    /// Waits for the end of a run in the background.
    fn watch(self: &Rc<Self>, run: u64) {
        if self.watched.replace(Some(run)) == Some(run) {
            return;
        }
        let shell = Rc::clone(self);
        self.state.wait_until(async move {
            let Some(container) = shell.container() else {
                return;
            };
            let ended = container.ended().await;
            if shell.watched.get() == Some(run) {
                shell.watched.set(None);
            }
            if container.is_running() {
                // The platform let go of the watch, not the container: the alarm watches again.
                return;
            }
            shell.ended(run, ended.code, ended.reason);
            shell.follow_up();
        });
    }

    fn ended(&self, run: u64, code: Option<i32>, reason: String) {
        let input = Input::Exited { run, code, reason };
        if let Err(problem) = self.with(|core| core.happen(input, GATEWAY, now())) {
            console_error!("exit: {problem}");
        }
    }

    fn hurry(&self) {
        let hurried = self.with(|core| {
            core.hurry(now());
            Ok(())
        });
        if let Err(problem) = hurried {
            console_error!("heartbeat: {problem}");
        }
    }

    /// Sends the heartbeat that is due, if one is.
    async fn beat(&self) {
        let beat = match self.with(|core| Ok(core.begin_beat(now())?)) {
            Ok(Some(beat)) => beat,
            Ok(None) => return,
            Err(problem) => return console_error!("heartbeat: {problem}"),
        };
        let answer = PlatformFetch
            .post(&beat.url, Some(beat.credential.expose()), &beat.body)
            .await;
        let [jitter] = edge::random::bytes::<1>().unwrap_or_default();
        if let Err(problem) = self.with(|core| Ok(core.beat_done(answer, jitter, now())?)) {
            console_error!("heartbeat: {problem}");
        }
    }

    async fn set_alarm(&self) {
        let wanted = self.with(|core| {
            let watch = now() + chrono::TimeDelta::milliseconds(WATCH_MS);
            let watch = core.state().expects_container().then_some(watch);
            Ok([core.next_alarm(), watch].into_iter().flatten().min())
        });
        let Ok(Some(at)) = wanted else { return };
        let ms = at.timestamp_millis();
        // Every setting of an alarm is billed as a write.
        if self.alarm_at.get().is_some_and(|set| set <= ms) {
            return;
        }
        self.alarm_at.set(Some(ms));
        if let Err(error) = self.state.storage().set_alarm(at).await {
            self.alarm_at.set(None);
            console_error!("alarm: {error}");
        }
    }
}
