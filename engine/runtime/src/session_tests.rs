//! Holders that come and go: whoever asks meanwhile is answered, once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::Map;

use super::*;

fn workspace() -> (tempfile::TempDir, Opened) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engine-tests/fixtures/crash");
    let folder = tempfile::tempdir().unwrap();
    for (name, below) in [("ordain.yaml", ""), ("all.yaml", "specs")] {
        std::fs::create_dir_all(folder.path().join(below)).unwrap();
        std::fs::copy(fixture.join(below).join(name), folder.path().join(below).join(name)).unwrap();
    }
    let opened = Opened::find(folder.path()).unwrap();
    (folder, opened)
}

fn who(name: &str) -> Caller {
    Caller { acting_as: Some(name.into()), ..Caller::default() }
}

fn start() -> Request {
    Request::Start { runbook: "held".into(), inputs: Map::new(), live: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_asked_of_a_holder_who_leaves_is_made_once() {
    let (_folder, opened) = workspace();
    const TIMES: usize = 40;
    for time in 0..TIMES {
        let holder = Session::open(&opened).await.unwrap();
        let mut other = Session::open(&opened).await.unwrap();
        assert!(matches!(other, Session::Remote(_)));
        let asker = async {
            let answer = other.ask(&opened, &who("user:ann"), &start()).await;
            other.close().await;
            answer
        };
        let leaver = async {
            tokio::time::sleep(Duration::from_micros(100 * time as u64)).await;
            holder.close().await;
        };
        let (answer, ()) = tokio::join!(asker, leaver);
        assert_eq!(answer.unwrap()["run"]["state"], "waiting", "{time}");
    }
    let mut session = Session::open(&opened).await.unwrap();
    let runs = Request::Runs { state: None, runbook: None, limit: 1_000, cursor: None };
    let runs = session.ask(&opened, &who("user:ann"), &runs).await.unwrap();
    session.close().await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), TIMES);
}
