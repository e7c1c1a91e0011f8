//! The language server (`ordain lsp`): what is wrong, what things mean and what may stand where, while an
//! author types. Speaks over standard input and output; changes no file itself and reaches nothing but the
//! files of the workspace.

mod actions;
mod answer;
mod complete;
mod cursor;
mod hover;
mod names;
mod place;
mod rename;
mod show;
mod space;
mod tokens;
mod walk;
mod wire;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lsp_server::{Connection, Message, Notification, Request, Response};
use ordain_spec::source::{FileId, SourceFile};
use ordain_spec::tree::Node;
use serde_json::{Value, json};

use space::Space;
use wire::TakenBack;

/// Keystrokes that follow each other within this time are one change: what comes from an editor is handed
/// over message by message, so a moment without one is no sign that none is under way.
const BURST: Duration = Duration::from_millis(5);

/// So long nobody types before the rules that are no laws are asked.
const QUIET: Duration = Duration::from_millis(250);

/// Why the server ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The other side broke off or spoke something else.
    #[error("the editor's side of the conversation is broken: {0}")]
    Conversation(String),
    /// The editor said `exit` and had not asked for an end.
    #[error("the editor said `exit` without `shutdown` before it")]
    Abrupt,
}

/// Serves one editor until it says `exit`.
///
/// # Errors
/// When the editor breaks off in the middle, leaves without asking for an end, or does not speak the protocol.
pub fn serve() -> Result<(), Broken> {
    let (connection, taken_back, writer) = wire::stdio();
    let ended = speak(&connection, taken_back);
    drop(connection);
    writer.join().map_err(|_| Broken::Conversation("what was to be said last is lost".to_owned()))?;
    ended
}

/// The conversation itself.
///
/// # Errors
/// As [`serve`].
fn speak(connection: &Connection, taken_back: TakenBack) -> Result<(), Broken> {
    let broken = |error: lsp_server::ProtocolError| Broken::Conversation(error.to_string());
    let (id, asked) = connection.initialize_start().map_err(broken)?;
    let answer = json!({"capabilities": capabilities(), "serverInfo": {"name": "ordain", "version": env!("CARGO_PKG_VERSION")}});
    connection.initialize_finish(id, answer).map_err(broken)?;
    let watches = asked.pointer("/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration");
    let mut server = Server {
        connection,
        taken_back,
        spaces: BTreeMap::new(),
        is_quiet: true,
        is_changed: false,
        is_leaving: false,
    };
    if watches == Some(&Value::Bool(true)) {
        server.watch();
    }
    server.serve()
}

fn capabilities() -> Value {
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": {"openClose": true, "change": 2, "save": true},
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "documentFormattingProvider": true,
        "renameProvider": {"prepareProvider": true},
        "codeActionProvider": {"codeActionKinds": ["quickfix"]},
        "completionProvider": {"triggerCharacters": [".", ":", "\"", "'", "@", " "]},
        "semanticTokensProvider": {"legend": {"tokenTypes": show::TOKENS, "tokenModifiers": []}, "full": true},
    })
}

/// The documents of a file, whatever is wrong with them.
fn documents(id: FileId, file: &SourceFile) -> Vec<Node> {
    use ordain_spec::source::Notation;
    let mut unread = Vec::new();
    if file.refusal.is_some() || !ordain_spec::scan::scan(id, &file.text, &mut unread) {
        return Vec::new();
    }
    match file.notation {
        Notation::Yaml => ordain_spec::tree::yaml::read(id, &file.text, &mut unread),
        Notation::Kdl => ordain_spec::tree::kdl::read(id, &file.text, &mut unread),
    }
}

/// The path without links, also of a file that is not there: its folder may be.
fn resolved(path: &Path) -> PathBuf {
    let known = path.ancestors().find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    let Some((above, real)) = known else { return path.to_path_buf() };
    match path.strip_prefix(above) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    }
}

struct Server<'c> {
    connection: &'c Connection,
    taken_back: TakenBack,
    /// By the folder: workspaces, and folders of files that lie in none.
    spaces: BTreeMap<PathBuf, Space>,
    /// True after the rules that are no laws were asked.
    is_quiet: bool,
    /// True where something changed and the editor was not told yet.
    is_changed: bool,
    /// True after the editor asked for an end: then only `exit` is due.
    is_leaving: bool,
}

impl Server<'_> {
    fn serve(&mut self) -> Result<(), Broken> {
        loop {
            let Some(message) = self.next() else { return Ok(()) };
            match message {
                Message::Request(request) => self.request(&request),
                Message::Notification(notification) if notification.method == "exit" => {
                    return if self.is_leaving { Ok(()) } else { Err(Broken::Abrupt) };
                }
                // Whatever else is said then is too late.
                Message::Notification(_) if self.is_leaving => {}
                Message::Notification(notification) => self.notification(&notification),
                Message::Response(_) => {}
            }
        }
    }

    /// The next message. While more are coming nothing is checked: an author who types fast is told once.
    fn next(&mut self) -> Option<Message> {
        if self.is_changed {
            if let Ok(message) = self.connection.receiver.recv_timeout(BURST) {
                return Some(message);
            }
            self.is_changed = false;
            self.tell();
        }
        while !self.is_quiet {
            match self.connection.receiver.recv_timeout(QUIET) {
                Ok(message) => return Some(message),
                Err(error) if error.is_timeout() => {
                    self.is_quiet = true;
                    self.spaces.values_mut().for_each(Space::judge);
                    self.tell();
                }
                Err(_) => return None,
            }
        }
        self.connection.receiver.recv().ok()
    }

    fn send(&self, message: impl Into<Message>) {
        // An editor that is gone is noticed at the next reading.
        let _gone = self.connection.sender.send(message.into());
    }

    fn watch(&self) {
        let watchers = json!([{"globPattern": "**/*.{yaml,yml,kdl}"}]);
        let register = json!({"registrations": [{"id": "files", "method": "workspace/didChangeWatchedFiles",
                                                 "registerOptions": {"watchers": watchers}}]});
        self.send(Request {
            id: "watch".to_owned().into(),
            method: "client/registerCapability".into(),
            params: register,
        });
    }

    /// The space of a file, which is made when it is first asked for.
    fn space(&mut self, path: &Path) -> Option<(&mut Space, String)> {
        let real = resolved(path);
        let folder = real.parent()?;
        let root =
            real.ancestors().skip(1).find(|folder| folder.join(ordain_spec::workspace::FILE).is_file());
        let (key, is_workspace) = root.map_or((folder, false), |root| (root, true));
        let space = self.spaces.entry(key.to_path_buf()).or_insert_with(|| {
            if is_workspace {
                Space::of_workspace(key.to_path_buf())
            } else {
                Space::of_file(key.to_path_buf())
            }
        });
        let relative = space.relative(&real)?;
        space.called(&relative, path);
        Some((space, relative))
    }

    fn notification(&mut self, notification: &Notification) {
        let params = &notification.params;
        let uri = params.pointer("/textDocument/uri").and_then(Value::as_str).unwrap_or_default();
        let path = place::path_of(uri);
        match (notification.method.as_str(), path) {
            ("textDocument/didOpen", Some(path)) => {
                let text = params.pointer("/textDocument/text").and_then(Value::as_str).unwrap_or_default();
                self.edit(&path, |_| text.to_owned());
            }
            ("textDocument/didChange", Some(path)) => {
                let changes =
                    params.get("contentChanges").and_then(Value::as_array).cloned().unwrap_or_default();
                self.edit(&path, |text| place::changed(text, &changes));
            }
            ("textDocument/didClose", Some(path)) => {
                if let Some((space, relative)) = self.space(&path) {
                    space.close(&relative);
                    self.changed();
                }
            }
            ("textDocument/didSave" | "workspace/didChangeWatchedFiles", _) => {
                self.spaces.values_mut().for_each(Space::reload);
                self.changed();
            }
            _ => {}
        }
    }

    fn edit(&mut self, path: &Path, change: impl FnOnce(&str) -> String) {
        if let Some((space, relative)) = self.space(path) {
            let text = change(space.file(&relative).map_or("", |file| &file.text));
            space.edit(&relative, &text);
            self.changed();
        }
    }

    fn changed(&mut self) {
        self.is_quiet = false;
        self.is_changed = true;
    }

    /// Says what is wrong, file by file; where nothing is wrong any more, that.
    fn tell(&mut self) {
        let mut messages = Vec::new();
        for space in self.spaces.values_mut() {
            space.refresh();
            let mut by_file: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for (path, problem) in space.problems() {
                by_file.entry(path).or_default().push(answer::diagnostic(space, &problem));
            }
            let now = by_file.keys().cloned().collect();
            let before = std::mem::replace(&mut space.told, now);
            for gone in before {
                by_file.entry(gone).or_default();
            }
            for (path, problems) in by_file {
                let uri = place::uri_of(&space.absolute(&path));
                messages.push(json!({"uri": uri, "diagnostics": problems}));
            }
        }
        for params in messages {
            self.send(Notification { method: "textDocument/publishDiagnostics".into(), params });
        }
    }

    fn request(&mut self, request: &Request) {
        let id = request.id.clone();
        if self.taken_back.take(&id) {
            let refusal = answer::Refusal::taken_back(&request.method);
            self.send(Response::new_err(id, refusal.code, refusal.message));
            return;
        }
        let response = match self.answer(&request.method, &request.params) {
            Ok(result) => Response::new_ok(id, result),
            Err(refusal) => Response::new_err(id, refusal.code, refusal.message),
        };
        self.send(response);
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, answer::Refusal> {
        if self.is_leaving {
            return Err(answer::Refusal::late(method));
        }
        match method {
            "shutdown" => {
                self.is_leaving = true;
                Ok(Value::Null)
            }
            "workspace/symbol" => {
                self.spaces.values_mut().for_each(Space::refresh);
                let query = params.get("query").and_then(Value::as_str).unwrap_or_default();
                Ok(self.spaces.values().flat_map(|space| answer::symbols(space, query)).collect())
            }
            "ordain/readings" => {
                self.spaces.values_mut().for_each(Space::refresh);
                Ok(json!(self.spaces.values().map(Space::readings).sum::<u64>()))
            }
            _ => {
                let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
                if !answer::METHODS.contains(&method) {
                    return Err(answer::Refusal::unknown(method));
                }
                let Some(uri) = uri else { return Err(answer::Refusal::unplaced(method)) };
                let Some((space, path)) = place::path_of(uri).and_then(|path| self.space(&path)) else {
                    return Ok(Value::Null);
                };
                space.refresh();
                answer::about(space, &path, method, params)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_taken_back_is_said_to_be() {
        let (ours, editor) = Connection::memory();
        let taken_back = TakenBack::default();
        taken_back.add(2.into());
        let ask = |id: i32, method: &str| {
            let request =
                Request { id: id.into(), method: method.into(), params: json!({"capabilities": {}}) };
            editor.sender.send(request.into()).unwrap();
        };
        let tell = |method: &str| {
            let notice = Notification { method: method.into(), params: Value::Null };
            editor.sender.send(notice.into()).unwrap();
        };
        ask(1, "initialize");
        tell("initialized");
        ask(2, "workspace/symbol");
        ask(3, "shutdown");
        tell("exit");
        speak(&ours, taken_back).unwrap();
        drop(ours);
        let codes: Vec<_> = editor
            .receiver
            .iter()
            .filter_map(|message| match message {
                Message::Response(response) if response.id == 2.into() => {
                    response.error.map(|error| error.code)
                }
                _ => None,
            })
            .collect();
        assert_eq!(codes, [-32800]);
    }

    #[test]
    fn keystrokes_that_are_waiting_are_read_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("budget.yaml");
        let uri = place::uri_of(&file);
        let (ours, editor) = Connection::memory();
        let notice = |method: &str, params: Value| {
            editor.sender.send(Notification { method: method.into(), params }.into()).unwrap();
        };
        let ask = |id: i32, method: &str, params: Value| {
            let request = Request { id: id.into(), method: method.into(), params };
            editor.sender.send(request.into()).unwrap();
        };
        ask(1, "initialize", json!({"capabilities": {}}));
        notice("initialized", json!({}));
        notice("textDocument/didOpen", json!({"textDocument": {"uri": uri, "text": ""}}));
        let whole = "apiVersion: ordain/v1\nkind: Budgett\n";
        for end in 1..=whole.len() {
            let changes = json!([{"text": whole.get(..end)}]);
            notice(
                "textDocument/didChange",
                json!({"textDocument": {"uri": uri, "version": end}, "contentChanges": changes}),
            );
        }
        ask(2, "ordain/readings", Value::Null);
        ask(4, "textDocument/nothing", json!({"textDocument": {"uri": uri}}));
        ask(5, "textDocument/hover", json!({"position": {"line": 0, "character": 0}}));
        ask(3, "shutdown", Value::Null);
        ask(6, "textDocument/hover", json!({"textDocument": {"uri": uri}}));
        notice("exit", Value::Null);
        speak(&ours, TakenBack::default()).unwrap();
        drop(ours);
        let answers: Vec<Message> = editor.receiver.iter().collect();
        for (id, code) in [(4, -32601), (5, -32602), (6, -32600)] {
            let refused = answers.iter().find_map(|message| match message {
                Message::Response(response) if response.id == i32::into(id) => response.error.as_ref(),
                _ => None,
            });
            assert_eq!(refused.map(|error| error.code), Some(code), "request {id}");
        }
        let readings = answers.into_iter().find_map(|message| match message {
            Message::Response(response) if response.id == 2.into() => response.result,
            _ => None,
        });
        assert_eq!(readings, Some(json!(1)), "the last of {} texts", whole.len());
    }
}
