//! Commands from the Worker, each to its rule.

use domain::audit::Origin;
use domain::problem::Problem;
use domain::wire::gateway::JoinRegistry;

use super::browsers;
use super::durable::Shell;
use crate::adapters::clock::now;
use crate::adapters::registry_http::PlatformFetch;
use crate::command::{Caller, Command, Operation, Outcome, Reply};
use crate::ports::RegistryHttp;
use crate::routes;

/// What comes of a command.
pub(super) async fn answer(shell: &Shell, command: Command) -> Outcome {
    match command {
        Command::Health => shell.with(|core| Reply::ok(&core.state().health())),
        Command::Api {
            caller,
            origin,
            operation: Operation::Join { join },
        } => join_registry(shell, &caller, origin, &join).await,
        Command::Api {
            caller,
            origin,
            operation: Operation::GrantSnapshot { generation, grant },
        } => {
            let random = random()?;
            shell.with(|core| {
                core.asked_from(origin, |core| {
                    routes::grant_snapshot(core, &caller, generation, grant, random, now())
                })
            })
        }
        Command::Granted {
            code,
            generation,
            origin,
        } => {
            let line = shell.line();
            let ticket = shell.with(|core| {
                core.asked_from(origin, |core| core.granted(&code, generation, &line, now()))
            })?;
            Reply::ok(&ticket)
        }
        Command::Api {
            caller,
            origin,
            operation,
        } => shell.with(|core| {
            core.asked_from(origin, |core| routes::run(core, &caller, operation, now()))
        }),
        Command::InitConfig { credential } => {
            shell.with(|core| core.init_config(&credential, now()))
        }
        Command::InitReport { credential, report } => {
            shell.with(|core| core.init_report(&credential, report, now()))
        }
        Command::Propose { key, draft } => shell.with(|core| {
            let proposal = core.propose_as_agent(&key, draft, now())?;
            Reply::with_status(201, &proposal)
        }),
        Command::ProposalState { key, id } => {
            shell.with(|core| Reply::ok(&core.proposal_for_agent(&key, &id, now())?))
        }
        Command::Admit { key, call } => {
            let id = random_id()?;
            let admission = shell.with(|core| Ok(core.admit(&key, &call, id, now())?))?;
            Reply::ok(&admission)
        }
        Command::Renew { call } => {
            let renewal = shell.with(|core| Ok(core.renew(&call, now())?))?;
            Reply::ok(&renewal)
        }
        Command::State { credential, ask } => {
            let random = random()?;
            let line = shell.line();
            shell.with(|core| core.state_asked(&credential, ask, &line, random, now()))
        }
        Command::Git { credential, name } => {
            let line = shell.line();
            shell.with(|core| core.git_asked(&credential, &name, &line, now()))
        }
        Command::Browser { key, ask } => browsers::asked(shell, &key, &ask).await,
        Command::RenewBrowser { session, used } => {
            let renewal = shell.with(|core| Ok(core.renew_browser(&session, used, now())?))?;
            Reply::ok(&renewal)
        }
        Command::Settle {
            call,
            ending,
            fault,
        } => {
            shell.with(|core| match (ending, fault) {
                (None, fault) => Ok(core.refused_by_provider(&call, fault, now())?),
                (ending, _) => Ok(core.settle(&call, ending, now())?),
            })?;
            Reply::ok(&())
        }
    }
}

async fn join_registry(
    shell: &Shell,
    caller: &Caller,
    origin: Option<Origin>,
    join: &JoinRegistry,
) -> Outcome {
    let (who, joining) = shell.with(|core| {
        let who = routes::authorize_join(core, caller, now())?;
        Ok((who, core.begin_join(join)?))
    })?;
    let answer = PlatformFetch.post(&joining.url, None, &joining.body).await;
    let enrolment = shell.with(|core| {
        core.asked_from(origin, |core| {
            core.finish_join(&joining, answer, &who, now())
        })
    })?;
    Reply::with_status(201, &enrolment)
}

fn random() -> Result<[u8; 32], Problem> {
    edge::random::bytes().map_err(|_| Problem::internal("The platform has no random source."))
}

/// 128 random bits in hex.
pub(super) fn random_id() -> Result<String, Problem> {
    let bytes = edge::random::bytes::<16>()
        .map_err(|_| Problem::internal("The platform has no random source."))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
