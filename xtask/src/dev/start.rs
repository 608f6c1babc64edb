//! Starting everything, as much at once as the machine bears, and keeping it
//! running.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::wire::gateway::GatewayStatus;
use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::sleep;

use super::api::Api;
use super::args::DevArgs;
use super::engine::Containers;
use super::host::{Event, Host};
use super::layout::{GatewayPlace, Layout};
use super::models::ModelChoice;
use super::ready_file::{ReadyFile, ReadyGateway};
use super::session::Session;
use super::state::State;
use super::workers::{Workers, worker_name};
use super::{bring_up, issuer, summary, told};
use crate::build::Artifacts;
use crate::standins::Server;
use crate::standins::access::Issuer;
use crate::standins::model::ModelServer;
use crate::tools::Tools;
use crate::ui::Progress;

/// How many OpenClaws start at once: each takes 20 CPU-seconds of one core.
const STARTS_AT_ONCE: usize = 2;
/// How often a container is asked to start again after its Worker came back.
const REVIVALS: u32 = 5;

/// What was decided and made before anything runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    pub(super) args: &'a DevArgs,
    pub(super) layout: &'a Layout,
    pub(super) state: &'a State,
    pub(super) tools: &'a Tools,
    pub(super) artifacts: &'a Artifacts,
    /// Other versions of OpenClaw that the containers offer, each with its `node_modules`.
    pub(super) versions: &'a [PathBuf],
    /// The Chromium that agents may use.
    pub(super) browser: Option<&'a Path>,
}

/// An installation that is up.
pub(super) struct Running<'a> {
    setup: Setup<'a>,
    api: Api,
    issuer: Issuer,
    stand_in: bool,
}

impl<'a> Setup<'a> {
    /// Starts everything and waits until it is healthy.
    ///
    /// # Errors
    /// The first part that does not come up.
    pub(super) async fn start(
        self,
        session: &Session,
        progress: &Progress,
        events: mpsc::UnboundedSender<Event>,
        mut took: Vec<(&'static str, Duration)>,
    ) -> anyhow::Result<Running<'a>> {
        let begun = Instant::now();
        let issuer = Issuer::open(&self.state.keys(), issuer::config(self.layout))?;
        let router = issuer.clone().router();
        session.keep_server(Server::start(self.layout.issuer_port(), router).await?);
        let model = self.model(session).await?;
        let Setup {
            args,
            layout,
            state,
            tools,
            artifacts,
            versions,
            ..
        } = self;
        session.keep_containers(
            Containers::start(args.engine, state, (tools, versions), artifacts, progress).await?,
        );
        let api = Api::new(issuer.clone(), layout.registry_url())?;
        session.keep_api(api.clone());

        let (registry_up, up) = watch::channel(false);
        let registry = async {
            let step = progress.step("registry", "Starting the registry")?;
            let launch = self.workers().registry()?;
            session.keep_host(Host::start(launch, events.clone()).await?);
            registry_up.send_replace(true);
            step.done("");
            anyhow::Ok(())
        };
        let places: Vec<GatewayPlace> = layout.gateways().collect();
        let permits = Semaphore::new(STARTS_AT_ONCE);
        let gateways = try_join_all(places.iter().map(|place| {
            let (events, up) = (events.clone(), up.clone());
            self.gateway(place, &model, &api, session, progress, events, up, &permits)
        }));
        let ((), gateways) = tokio::try_join!(registry, gateways)?;
        let (statuses, workers_up): (Vec<_>, Vec<_>) = gateways.into_iter().unzip();
        let workers_up = workers_up.into_iter().max().unwrap_or(begun);
        took.push(("Workers", workers_up - begun));
        took.push(("OpenClaw", workers_up.elapsed()));
        let running = Running {
            setup: self,
            api,
            issuer,
            stand_in: model.stand_in,
        };
        running.write_ready_file(session)?;
        progress.say(summary::text(layout, state, &model, &statuses, &took));
        Ok(running)
    }

    fn workers(&self) -> Workers<'a> {
        let Setup {
            layout,
            state,
            tools,
            artifacts,
            browser,
            ..
        } = *self;
        Workers {
            browser,
            layout,
            tools,
            artifacts,
            state,
        }
    }

    async fn model(&self, session: &Session) -> anyhow::Result<ModelChoice> {
        let key = self.state.secret("model-stand-in-key")?;
        let look_up = |name: &str| std::env::var(name).ok();
        let choice = ModelChoice::read(look_up, &self.layout.model_url(), &key)?;
        if choice.stand_in {
            let router = ModelServer::new(&key).router();
            session.keep_server(Server::start(self.layout.model_port(), router).await?);
        }
        Ok(choice)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one start, used nowhere else"
    )]
    async fn gateway(
        &self,
        place: &GatewayPlace,
        model: &ModelChoice,
        api: &Api,
        session: &Session,
        progress: &Progress,
        events: mpsc::UnboundedSender<Event>,
        mut registry_up: watch::Receiver<bool>,
        permits: &Semaphore,
    ) -> anyhow::Result<(GatewayStatus, Instant)> {
        let step = progress.step(
            &format!("gateway-{}", place.name),
            format!("Starting gateway {}", place.name),
        )?;
        step.note("starting its Worker");
        let Some(container) = session.containers(Containers::spec) else {
            anyhow::bail!("the container engine is gone");
        };
        let launch = self.workers().gateway(place, model, container);
        session.keep_host(Host::start(launch, events).await?);
        let worker_up = Instant::now();
        step.note("waiting for another gateway to start");
        let permit = permits.acquire().await?;
        api.sandbox(&place.url(), "start").await?;
        session.container_started(place);
        // OpenClaw takes its time, so the registry can be joined meanwhile.
        registry_up.wait_for(|up| *up).await?;
        let id = bring_up::enrol(api, place).await?;
        let worker = worker_name(place);
        let log = || {
            session
                .containers(|containers| containers.log(&worker))
                .flatten()
        };
        let healthy = bring_up::healthy(api, place, &step, log).await;
        if let Some(log) = log() {
            self.state
                .link_log(&format!("container-{}", place.name), &log);
        }
        let status = healthy?;
        drop(permit);
        bring_up::online(api, &id).await?;
        let version = status
            .openclaw_version
            .as_deref()
            .unwrap_or("of an unknown version");
        step.done(&format!("OpenClaw {version} is healthy"));
        Ok((status, worker_up))
    }
}

impl Running<'_> {
    /// Reports what happens by itself, for ever.
    pub(super) async fn keep(
        &self,
        session: &Session,
        progress: &Progress,
        heard: &mut mpsc::UnboundedReceiver<Event>,
    ) {
        while let Some(event) = heard.recv().await {
            progress.say(told(&event));
            let Event::Restarted { label } = event else {
                continue;
            };
            if let Err(error) = self.write_ready_file(session) {
                progress.say(format!("! {error:#}"));
            }
            let revived = self
                .setup
                .layout
                .gateways()
                .find(|place| place.name.as_str() == label);
            if let Some(place) = revived {
                self.revive(&place, progress).await;
            }
        }
    }

    /// The container of a Worker that died went with it: asks for it again.
    async fn revive(&self, place: &GatewayPlace, progress: &Progress) {
        for attempt in 1..=REVIVALS {
            match self.api.sandbox(&place.url(), "start").await {
                Ok(_) => return,
                Err(error) if attempt == REVIVALS => {
                    progress.say(format!(
                        "! {} could not be started again: {error:#}",
                        place.name
                    ));
                }
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        }
    }

    fn write_ready_file(&self, session: &Session) -> anyhow::Result<()> {
        let Some(path) = &self.setup.args.ready_file else {
            return Ok(());
        };
        let Setup {
            layout,
            state,
            args,
            ..
        } = self.setup;
        let gateways = layout.gateways().map(|place| {
            let worker = worker_name(&place);
            ReadyGateway {
                pid: session.pid(place.name.as_str()),
                url: place.url(),
                container_log: session.containers(|found| found.log(&worker)).flatten(),
                name: place.name,
            }
        });
        let program = std::env::current_exe()?.display().to_string();
        let command = [
            program,
            "token".to_owned(),
            format!("--state={}", state.root().display()),
            format!("--port={}", args.port),
            format!("--gateways={}", args.gateways),
        ];
        let ready = ReadyFile {
            pid: std::process::id(),
            state_dir: state.root().to_owned(),
            logs_dir: state.logs(),
            registry_url: layout.registry_url(),
            registry_pid: session.pid("registry"),
            gateways: gateways.collect(),
            operator: super::OPERATOR.to_owned(),
            issuer: self.issuer.config().clone(),
            keys_dir: state.keys(),
            model_stand_in_url: self.stand_in.then(|| layout.model_url()),
            token_command: command.into(),
        };
        ready.write(path)
    }
}
