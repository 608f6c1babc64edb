//! The stack that scenarios share, started when the first of them needs it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use e2e::environment::Environment;
use e2e::stack::{Site, Stack};
use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;

/// A day's tokens that no scenario uses up.
pub(crate) const PLENTY: u64 = 1_000_000_000;

/// What every scenario gets to.
#[derive(Clone)]
pub(crate) struct World {
    shared: Arc<Shared>,
    stage: Arc<Mutex<Stage>>,
}

struct Shared {
    runtime: Runtime,
    /// The programs of this machine, or why there are none.
    environment: Result<Environment, String>,
    took: Mutex<Vec<(Duration, String)>>,
}

/// The environment, the stack when it runs, and where it keeps its state.
pub(crate) struct Stage {
    environment: Result<Environment, String>,
    site: Option<Site>,
    stack: Option<Stack>,
    /// Why there will be no stack any more.
    broken: Option<String>,
}

impl World {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let environment = Environment::read().map_err(|error| format!("{error:#}"));
        Ok(Self {
            stage: Stage::empty(environment.clone()),
            shared: Arc::new(Shared {
                runtime,
                environment,
                took: Mutex::default(),
            }),
        })
    }

    /// The same with a second stack, which has nothing to do with the first.
    pub(crate) fn beside(&self) -> Self {
        let environment = &self.shared.environment;
        let environment = environment.as_ref().map(Environment::beside);
        Self {
            stage: Stage::empty(environment.map_err(Clone::clone)),
            shared: Arc::clone(&self.shared),
        }
    }

    /// A scenario that uses the running stack.
    pub(crate) fn trial<F>(&self, name: &str, scenario: F) -> Trial
    where
        F: AsyncFnOnce(&Stack) -> anyhow::Result<()> + Send + 'static,
    {
        self.stage_trial(name, async move |stage: &mut Stage| {
            scenario(stage.stack().await?).await
        })
    }

    /// A scenario that starts and ends stacks itself.
    pub(crate) fn stage_trial<F>(&self, name: &str, scenario: F) -> Trial
    where
        F: AsyncFnOnce(&mut Stage) -> anyhow::Result<()> + Send + 'static,
    {
        let Self { shared, stage } = self.clone();
        let title = name.to_owned();
        Trial::test(name, move || {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            shared.run(title, scenario(&mut stage))
        })
    }

    /// A scenario that has nothing to do with the stack: it runs beside those that have.
    pub(crate) fn trial_apart<F>(&self, name: &str, scenario: F) -> Trial
    where
        F: AsyncFnOnce(&Environment) -> anyhow::Result<()> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let title = name.to_owned();
        Trial::test(name, move || {
            let environment = shared.environment.as_ref().map_err(Failed::from)?;
            shared.run(title, scenario(environment))
        })
    }

    /// Where programs leave what they print.
    pub(crate) fn logs(&self) -> Option<PathBuf> {
        let environment = self.shared.environment.as_ref();
        environment.ok().map(|environment| environment.logs.clone())
    }

    /// What the scenarios took, the slowest first.
    pub(crate) fn took(&self) -> Vec<(Duration, String)> {
        let took = self
            .shared
            .took
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut took = took.clone();
        took.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        took
    }

    /// Ends the stack, if one runs.
    pub(crate) fn close(&self) -> anyhow::Result<()> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match stage.stack.take() {
            Some(stack) => self.shared.runtime.block_on(stack.stop()),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn run(
        &self,
        title: String,
        scenario: impl Future<Output = anyhow::Result<()>>,
    ) -> Result<(), Failed> {
        let begun = Instant::now();
        let outcome = self.runtime.block_on(scenario);
        let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        took.push((begun.elapsed(), title));
        outcome.map_err(|error| Failed::from(format!("{error:#}")))
    }
}

impl Stage {
    fn empty(environment: Result<Environment, String>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            environment,
            site: None,
            stack: None,
            broken: None,
        }))
    }

    /// The programs of this machine.
    pub(crate) fn environment(&self) -> anyhow::Result<Environment> {
        match &self.environment {
            Ok(environment) => Ok(environment.clone()),
            Err(error) => bail!("{error:#}"),
        }
    }

    /// The running stack; started if there is none.
    pub(crate) async fn stack(&mut self) -> anyhow::Result<&Stack> {
        if self.stack.is_none() {
            self.start().await?;
        }
        self.stack.as_ref().context("there is no stack")
    }

    /// Takes the running stack away, to end it.
    pub(crate) async fn take_stack(&mut self) -> anyhow::Result<Stack> {
        self.stack().await?;
        self.stack.take().context("there is no stack")
    }

    /// Starts a stack over the state of the one before.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        if let Some(reason) = &self.broken {
            bail!("there is no stack to test: {reason}");
        }
        let environment = self.environment()?;
        let site = match &mut self.site {
            Some(site) => site,
            none => none.insert(Site::new(&environment)?),
        };
        match site.start().await {
            Ok(stack) => {
                self.stack = Some(stack);
                Ok(())
            }
            Err(error) => {
                self.broken = Some("it did not start, see the first failure".to_owned());
                Err(error)
            }
        }
    }
}
