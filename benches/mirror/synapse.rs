//! A stand-in for Synapse that answers about one room, in a process of its own: what it needs is not counted.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router, body::Bytes};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::answers;

/// The running process. It ends with its input, so also with the process that started it.
#[derive(Debug)]
pub(crate) struct Synapse {
    process: Child,
    url: String,
}

impl Synapse {
    pub(crate) fn start(members: usize, others: usize) -> Self {
        let myself = std::env::current_exe().expect("this runs from a file");
        let mut process = Command::new(myself)
            .args(["serve", &members.to_string(), &others.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this can be run again");
        let mut url = String::new();
        let output = process.stdout.as_mut().expect("it is a pipe");
        BufReader::new(output).read_line(&mut url).expect("it tells its address");
        Self { process, url: url.trim().to_owned() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("it ends with its input");
    }
}

#[derive(Clone, Debug)]
struct Answers {
    members: Bytes,
    others: Bytes,
}

/// Answers until the input ends.
pub(crate) fn serve(members: usize, others: usize) {
    let answers =
        Answers { members: answers::members(members).into(), others: answers::others(members, others).into() };
    let router = Router::new()
        .route("/_synapse/admin/v1/rooms/{room}/members", get(async |State(its): State<Answers>| its.members))
        .route("/_matrix/client/v3/rooms/{room}/members", get(async |State(its): State<Answers>| its.others))
        .route("/_matrix/client/v3/rooms/{room}/state/{type}/", get(state))
        .with_state(answers);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.spawn(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("its address"));
        axum::serve(listener, router).await.expect("a listener goes on");
    });
    let input_ends = tokio::task::unconstrained(async {
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await
    });
    drop(runtime.block_on(input_ends));
}

async fn state(Path((_, event_type)): Path<(String, String)>) -> (StatusCode, Json<Value>) {
    match answers::state(&event_type) {
        Some(content) => (StatusCode::OK, Json(content)),
        None => (StatusCode::NOT_FOUND, Json(json!({"errcode": "M_NOT_FOUND", "error": "Event not found."}))),
    }
}
