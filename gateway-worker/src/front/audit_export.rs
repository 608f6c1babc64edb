//! `GET audit?format=jsonl`: one entry a line, oldest first, page by page as the
//! client takes them.

use domain::problem::Problem;
use domain::wire::gateway::{AuditEntry, Page};
use futures_util::stream;
use worker::{Error, Response};

use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, Operation};

/// Answers with the whole audit. The first page is fetched before the answer begins,
/// so that a refusal is one; when a later page fails the answer breaks off, and the
/// client sees that it is not whole.
pub(super) async fn serve(command: Command, sandbox: SandboxStub) -> Result<Response, Problem> {
    let first: Page<AuditEntry> = sandbox.ask_for(&command).await?;
    let lines = stream::try_unfold(Some(Next::Read(first)), move |next| {
        let (sandbox, command) = (sandbox.clone(), command.clone());
        async move {
            let page = match next {
                None => return Ok(None),
                Some(Next::Read(page)) => page,
                Some(Next::After(seq)) => sandbox
                    .ask_for(&after(command, seq))
                    .await
                    .map_err(|problem| Error::RustError(problem.to_string()))?,
            };
            let cursor = page.next.as_deref().and_then(|seq| seq.parse().ok());
            Ok::<_, Error>(Some((text(&page.items)?, cursor.map(Next::After))))
        }
    });
    let failed = |_| Problem::internal("The export could not be begun; try again.");
    let response = Response::from_stream(lines).map_err(failed)?;
    for (name, value) in edge::reply::API_HEADERS {
        response.headers().set(name, value).map_err(failed)?;
    }
    response
        .headers()
        .set("content-type", "application/jsonl")
        .map_err(failed)?;
    Ok(response)
}

enum Next {
    Read(Page<AuditEntry>),
    After(u64),
}

fn after(mut command: Command, seq: u64) -> Command {
    if let Command::Api {
        operation: Operation::ExportAudit { after },
        ..
    } = &mut command
    {
        *after = seq;
    }
    command
}

fn text(entries: &[AuditEntry]) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
