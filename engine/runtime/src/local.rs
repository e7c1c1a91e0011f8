//! The local socket: how a verb speaks to the process that holds the store. One JSON document a line
//! each way, a question at a time. Mode 0600; the peer's user is read from the kernel of the machine.
//!
//! Whoever connects is greeted first, and told when no further question is read: so who asks knows of every question
//! that was not answered whether it was heard. A question that was heard is answered before the holder leaves.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{Answer, ApiError, Caller, Request};
use crate::engine::gone;

/// The longest question: inputs are small.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// How long a question may take to arrive; who asks later connects again.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long who connects waits to be greeted.
const GREETING_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Serialize, Deserialize)]
struct Question {
    caller: Caller,
    request: Request,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    /// Said first: a question will be read.
    Ready,
    Document(Value),
    Error(ApiError),
}

/// Who answers questions.
pub trait Service: Clone + Send + Sync + 'static {
    /// Answers one question.
    fn answer(&self, caller: Caller, request: Request) -> impl Future<Output = Answer> + Send;
}

/// The longest path that the address of a socket holds, in bytes.
const ADDRESS: usize = 100;

/// The path of a workspace's socket.
#[must_use]
pub fn socket_path(state_dir: &Path) -> PathBuf {
    state_dir.join("ordain.sock")
}

/// A socket's path as an address. One that is too long leads through its folder, which is held open for so long.
fn address(path: &Path) -> std::io::Result<(PathBuf, Option<File>)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((path.to_owned(), None));
    };
    if path.as_os_str().len() <= ADDRESS {
        return Ok((path.to_owned(), None));
    }
    let folder = File::open(folder)?;
    let open = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
    Ok((open.join(name), Some(folder)))
}

/// Listens at `path`, replacing what a dead process left there. Only the holder of the store's lock
/// may call this.
///
/// # Errors
/// When the address cannot be used.
pub fn listen(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (address, _folder) = address(path)?;
    let listener = UnixListener::bind(address)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers questions until this process leaves; those that were heard by then are answered.
pub async fn serve(listener: UnixListener, service: impl Service, leaving: watch::Receiver<bool>) {
    serve_for(listener, service, leaving, READ_TIMEOUT).await;
}

async fn serve_for(
    listener: UnixListener,
    service: impl Service,
    mut leaving: watch::Receiver<bool>,
    patience: Duration,
) {
    let mut talking = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = left(&mut leaving) => break,
            Some(_) = talking.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    talking.spawn(converse(stream, service.clone(), leaving.clone(), patience));
                }
                // Out of file descriptors, most likely: leave others time to finish.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    while talking.join_next().await.is_some() {}
}

async fn converse(
    stream: UnixStream,
    service: impl Service,
    mut leaving: watch::Receiver<bool>,
    patience: Duration,
) {
    let Some(login) = peer_login(&stream) else { return };
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    if write_line(&mut write, &Reply::Ready).await.is_err() {
        return;
    }
    loop {
        let read = tokio::select! {
            biased;
            () = left(&mut leaving) => None,
            read = tokio::time::timeout(patience, read_line(&mut lines)) => read.ok(),
        };
        let line = match read {
            Some(Ok(Some(line))) => line,
            Some(_) => return,
            None => {
                let _ = write_line(&mut write, &Reply::Error(gone())).await;
                return;
            }
        };
        let reply = match serde_json::from_str::<Question>(&line) {
            Ok(Question { caller, request }) => {
                let caller = Caller { login: Some(login.clone()), ..caller };
                service.answer(caller, request).await
            }
            Err(error) => Err(ApiError::new("usage", format!("not a question of this version: {error}"))),
        };
        let reply = reply.map_or_else(Reply::Error, Reply::Document);
        if write_line(&mut write, &reply).await.is_err() {
            return;
        }
    }
}

/// Waits until this process leaves.
pub(crate) async fn left(leaving: &mut watch::Receiver<bool>) {
    let _ = leaving.wait_for(|leaving| *leaving).await;
}

fn peer_login(stream: &UnixStream) -> Option<String> {
    let uid = stream.peer_cred().ok()?.uid();
    Some(login_of(uid))
}

/// The name of that user, or its number where it has no name.
#[must_use]
pub fn login_of(uid: u32) -> String {
    nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid))
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name)
}

/// The name of the user who runs this process.
#[must_use]
pub fn own_login() -> String {
    login_of(nix::unistd::Uid::effective().as_raw())
}

async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.take(MAX_LINE).read_line(&mut line).await?;
    Ok((read > 0 && line.ends_with('\n')).then_some(line))
}

async fn write_line(writer: &mut OwnedWriteHalf, document: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// A connection to the process that holds the store.
pub struct Remote {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Remote {
    /// Connects, if somebody listens and will read a question.
    ///
    /// # Errors
    /// When nobody does.
    pub async fn connect(path: &Path) -> std::io::Result<Self> {
        let (address, _folder) = address(path)?;
        let (read, write) = UnixStream::connect(address).await?.into_split();
        let mut remote = Self { read: BufReader::new(read), write };
        match tokio::time::timeout(GREETING_TIMEOUT, remote.hear()).await? {
            Some(Reply::Ready) => Ok(remote),
            _ => Err(std::io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// Asks and waits for the answer. `None` when the other process went away before it answered.
    pub async fn ask(&mut self, caller: Caller, request: Request) -> Option<Answer> {
        // Where it cannot be written any more, it was said before that it would not be read.
        let _ = write_line(&mut self.write, &Question { caller, request }).await;
        match self.hear().await? {
            Reply::Ready => None,
            Reply::Document(document) => Some(Ok(document)),
            Reply::Error(error) => Some(Err(error)),
        }
    }

    async fn hear(&mut self) -> Option<Reply> {
        let mut line = String::new();
        self.read.read_line(&mut line).await.ok()?;
        serde_json::from_str(&line).ok()
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
