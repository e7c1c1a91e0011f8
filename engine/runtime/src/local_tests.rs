//! A conversation from both ends, over a real socket.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;

/// Answers every question with how many it heard, after a while.
#[derive(Clone)]
struct Slow(watch::Sender<u32>);

impl Service for Slow {
    async fn answer(&self, _: Caller, _: Request) -> Answer {
        self.0.send_modify(|heard| *heard += 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(json!(*self.0.borrow()))
    }
}

struct Holder {
    _folder: tempfile::TempDir,
    path: PathBuf,
    heard: watch::Sender<u32>,
    leaving: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

fn holder(patience: Duration) -> Holder {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ordain.sock");
    let (heard, leaving) = (watch::Sender::new(0), watch::Sender::new(false));
    let served = serve_for(listen(&path).unwrap(), Slow(heard.clone()), leaving.subscribe(), patience);
    Holder { _folder: folder, path, heard, leaving, serving: tokio::spawn(served) }
}

#[tokio::test]
async fn what_was_heard_is_answered_before_the_holder_leaves_and_what_was_not_is_said() {
    let holder = holder(READ_TIMEOUT);
    let mut asks = Remote::connect(&holder.path).await.unwrap();
    let silent = Remote::connect(&holder.path).await.unwrap();
    let mut heard = holder.heard.subscribe();
    let leaves = async {
        heard.wait_for(|heard| *heard == 1).await.unwrap();
        holder.leaving.send_replace(true);
        holder.serving.await.unwrap();
    };
    let (answer, ()) = tokio::join!(asks.ask(Caller::default(), Request::Kills), leaves);
    assert_eq!(answer, Some(Ok(json!(1))));
    for mut other in [asks, silent] {
        assert_eq!(other.ask(Caller::default(), Request::Kills).await, Some(Err(gone())));
    }
    assert_eq!(*holder.heard.borrow(), 1);
    assert!(Remote::connect(&holder.path).await.is_err());
}

#[tokio::test]
async fn who_thinks_for_long_is_told_to_connect_again_and_who_is_not_greeted_asks_nothing() {
    let holder = holder(Duration::from_millis(50));
    let mut remote = Remote::connect(&holder.path).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(remote.ask(Caller::default(), Request::Kills).await, Some(Err(gone())));
    assert_eq!(*holder.heard.borrow(), 0);

    let path = holder.path.with_file_name("mute.sock");
    let _mute = listen(&path).unwrap();
    assert!(Remote::connect(&path).await.is_err());
}

#[tokio::test]
async fn a_path_too_long_for_an_address_is_reached_through_its_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("deep".repeat(50));
    std::fs::create_dir(&folder).unwrap();
    let path = socket_path(&folder);
    let _listens = listen(&path).unwrap();
    assert!(path.exists(), "nowhere but in the folder");
    let (address, _folder) = address(&path).unwrap();
    assert!(address.as_os_str().len() <= ADDRESS);
    assert!(UnixStream::connect(address).await.is_ok());
}
