//! `http://governance.internal` as tedix-init sees it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use domain::wire::init::{ConfigBundle, Report, ReportAck};
use serde_json::json;

/// What tedix-init proves itself with.
pub(crate) const CREDENTIAL: &str = "tic_credential-of-the-lab";

/// Hands out a configuration and keeps the reports.
#[derive(Clone)]
pub(crate) struct Governance {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    wanted: Option<ConfigBundle>,
    reports: Vec<Report>,
    refusals_left: u32,
    fetches: u32,
}

impl Governance {
    /// Listens on a port of its own.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let governance = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let server = governance.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A caller that goes away in the middle is its own affair.
                let _ = server.serve(&stream);
            }
        });
        governance
    }

    /// Its origin.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Wants another configuration from now on.
    pub(crate) fn want(&self, bundle: ConfigBundle) {
        self.state.lock().unwrap().wanted = Some(bundle);
    }

    /// Answers the next requests with 503.
    pub(crate) fn refuse(&self, requests: u32) {
        self.state.lock().unwrap().refusals_left = requests;
    }

    /// How often the configuration was fetched.
    pub(crate) fn fetches(&self) -> u32 {
        self.state.lock().unwrap().fetches
    }

    /// Everything reported so far.
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.state.lock().unwrap().reports.clone()
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let (mut length, mut authorized) = (0, false);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorized = value == format!("Bearer {CREDENTIAL}"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, answer) = self.answer(&first, authorized, &body);
        let answer = answer.to_string();
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn answer(&self, first: &str, authorized: bool, body: &[u8]) -> (u16, serde_json::Value) {
        let mut state = self.state.lock().unwrap();
        if state.refusals_left > 0 && !first.starts_with("POST /v1/lease ") {
            state.refusals_left -= 1;
            return (503, json!({}));
        }
        if !authorized {
            return (401, json!({}));
        }
        if first.starts_with("POST /v1/lease ") {
            // Where no test is about state, none is kept.
            return (501, json!({}));
        }
        let Some(wanted) = state.wanted.clone() else {
            return (404, json!({}));
        };
        if first.starts_with("GET /v1/config ") {
            state.fetches += 1;
            return (200, json!(wanted));
        }
        if !first.starts_with("POST /v1/reports ") {
            return (404, json!({}));
        }
        state.reports.push(serde_json::from_slice(body).unwrap());
        (
            200,
            json!(ReportAck {
                desired_hash: wanted.config_hash,
                orders: 0,
                policy_version: Some(wanted.policy_version),
            }),
        )
    }
}
