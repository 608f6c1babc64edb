//! The way out of a container that has no network of its own: an HTTP proxy.
//!
//! Where there are namespaces nothing of this is used (see [`super::egress`]).

use std::collections::BTreeSet;
use std::io::Result;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};

use super::egress;
use super::head::{RequestHead, read_request};
use super::ingress::TUNNEL_BUFFER;

/// Which hosts workerd answers, and where it listens.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub hosts: BTreeSet<String>,
    pub port: u16,
}

/// Serves clients until the task is aborted.
pub(crate) async fn serve(listener: TcpListener, routes: Arc<Mutex<Routes>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let routes = Arc::clone(&routes);
                    connections.spawn(async move {
                        // A broken connection concerns its two ends alone.
                        let _ = connection(stream, &routes).await;
                    });
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut inside: TcpStream, routes: &Mutex<Routes>) -> Result<()> {
    inside.set_nodelay(true)?;
    let Some(head) = read_request(&mut inside, Vec::new()).await? else {
        return Ok(());
    };
    let host = target_host(&head.target).to_ascii_lowercase();
    let port = {
        let routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.hosts.contains(&host).then_some(routes.port)
    };
    let Some(port) = port else {
        let text = format!("{host} is not a host that this container may reach\n");
        return egress::refuse(&mut inside, "403 Forbidden", &text).await;
    };
    let (mut outside, early) = match egress::open(inside.local_addr()?, &host, port).await {
        Ok(outside) => outside,
        Err(error) => {
            let text = format!("{host} is not answered: {error}\n");
            return egress::refuse(&mut inside, "502 Bad Gateway", &text).await;
        }
    };
    if head.method == "CONNECT" {
        inside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        outside.write_all(&origin_form(&head)).await?;
    }
    outside.write_all(&head.rest).await?;
    inside.write_all(&early).await?;
    copy_bidirectional_with_sizes(&mut inside, &mut outside, TUNNEL_BUFFER, TUNNEL_BUFFER).await?;
    Ok(())
}

/// `http://host:80/path`, `host:80` → `host`.
fn target_host(target: &str) -> &str {
    let rest = target.strip_prefix("http://").unwrap_or(target);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.split(':').next().unwrap_or_default()
}

/// The request as its host wants it. The connection ends with it: the next
/// request a client sends to its proxy may be for another host.
fn origin_form(head: &RequestHead) -> Vec<u8> {
    let rest = head.target.strip_prefix("http://").unwrap_or(&head.target);
    let path = rest.find('/').and_then(|start| rest.get(start..));
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, path.unwrap_or("/"));
    for (name, value) in head.fields() {
        if !matches!(
            name,
            "connection" | "proxy-connection" | "proxy-authorization"
        ) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str("connection: close\r\n\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{origin_form, target_host};
    use crate::engine::head::read_request;

    #[test]
    fn hosts_are_read_from_both_forms() {
        for target in [
            "http://models.internal/v1",
            "http://models.internal:80",
            "models.internal:80",
        ] {
            assert_eq!(target_host(target), "models.internal", "{target}");
        }
        assert_eq!(target_host("/path"), "");
    }

    #[tokio::test]
    async fn a_request_for_a_proxy_becomes_one_for_its_host() {
        let bytes = b"GET http://h/p?q HTTP/1.1\r\nHost: h\r\nProxy-Connection: keep-alive\r\n\r\n";
        let head = read_request(&mut &bytes[..], Vec::new())
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(origin_form(&head)).unwrap();
        assert_eq!(
            text,
            "GET /p?q HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
        );
    }
}
