//! An editor as a language server sees it: sends what an editor sends, remembers what it is told.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::binary;

/// So long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// An editor with `ordain lsp` behind it.
#[derive(Debug)]
pub struct Editor {
    server: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    root: PathBuf,
    asked: i64,
    versions: BTreeMap<String, i64>,
    /// What the server said is wrong, by the path of the file.
    pub problems: BTreeMap<String, Vec<Value>>,
    /// How often it said so.
    pub told: usize,
}

impl Editor {
    /// Starts the server for a folder.
    ///
    /// # Panics
    /// When it does not start or greet.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without the server there is no test")]
    pub fn open_folder(root: &Path) -> Self {
        Self::open_folder_called(std::fs::canonicalize(root).expect("the folder"))
    }

    /// Starts the server for a folder by this path, which may have links in it.
    ///
    /// # Panics
    /// When it does not start or greet.
    #[must_use]
    #[expect(clippy::expect_used, reason = "without the server there is no test")]
    pub fn open_folder_called(root: PathBuf) -> Self {
        let mut server = Command::new(binary("ordain"))
            .arg("lsp")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ordain can be started");
        let to = server.stdin.take().expect("its input");
        let mut output = BufReader::new(server.stdout.take().expect("its output"));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut editor = Self {
            server,
            to,
            from,
            root,
            asked: 0,
            versions: BTreeMap::new(),
            problems: BTreeMap::new(),
            told: 0,
        };
        editor
            .ask("initialize", json!({"processId": null, "rootUri": null, "capabilities": {}}))
            .expect("a greeting");
        editor.tell("initialized", json!({}));
        editor
    }

    /// Sends bytes that are no message.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _gone = self.to.write_all(bytes).and_then(|()| self.to.flush());
    }

    /// The URI of a file of the folder.
    #[must_use]
    pub fn uri(&self, path: &str) -> String {
        format!("file://{}", self.root.join(path).display())
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        // A server that is gone is noticed when its answer does not come.
        let _gone =
            write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).and_then(|()| self.to.flush());
    }

    /// Sends a notification.
    pub fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// The message of a refusal.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message.get("id") == Some(&json!(id)) && message.get("method").is_none() {
                let refusal = message.pointer("/error/message").and_then(Value::as_str);
                return refusal.map_or_else(
                    || Ok(message.get("result").cloned().unwrap_or_default()),
                    |refusal| Err(refusal.to_owned()),
                );
            }
        }
    }

    #[expect(clippy::expect_used, reason = "a server that says nothing is a failed test")]
    fn receive(&mut self) -> Value {
        let message = self.from.recv_timeout(PATIENCE).expect("the server says something");
        if message.get("method").and_then(Value::as_str) == Some("textDocument/publishDiagnostics") {
            let uri = message.pointer("/params/uri").and_then(Value::as_str).unwrap_or_default();
            let prefix = format!("file://{}/", self.root.display());
            let path = uri.strip_prefix(&prefix).unwrap_or(uri).to_owned();
            let found =
                message.pointer("/params/diagnostics").and_then(Value::as_array).cloned().unwrap_or_default();
            self.problems.insert(path, found);
            self.told += 1;
        }
        message
    }

    /// Waits until what is said about a file is as wanted.
    ///
    /// # Panics
    /// When that never comes.
    pub fn wait_for(&mut self, path: &str, wanted: impl Fn(&[Value]) -> bool) {
        while !self.problems.get(path).is_some_and(|found| wanted(found)) {
            let _message = self.receive();
        }
    }

    /// The codes of what is wrong with a file, as it was said last.
    #[must_use]
    pub fn codes(&self, path: &str) -> Vec<String> {
        let found = self.problems.get(path).into_iter().flatten();
        let code =
            |problem: &Value| problem.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        found.map(code).collect()
    }

    /// Opens a file.
    pub fn open(&mut self, path: &str, text: &str) {
        let language = if path.ends_with("kdl") { "kdl" } else { "yaml" };
        let document = json!({"uri": self.uri(path), "languageId": language, "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Replaces a range: `(line, character)` both from 0.
    pub fn change(&mut self, path: &str, from: (usize, usize), to: (usize, usize), text: &str) {
        let version = self.versions.entry(path.to_owned()).or_insert(1);
        *version += 1;
        let place = |(line, character): (usize, usize)| json!({"line": line, "character": character});
        let document =
            json!({"uri": format!("file://{}", self.root.join(path).display()), "version": *version});
        let change = json!({"range": {"start": place(from), "end": place(to)}, "text": text});
        self.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": [change]}));
    }

    /// Asks about a place of a file.
    ///
    /// # Errors
    /// The message of a refusal.
    pub fn at(
        &mut self,
        method: &str,
        path: &str,
        place: (usize, usize),
        more: Value,
    ) -> Result<Value, String> {
        let position = json!({"line": place.0, "character": place.1});
        let mut params = json!({"textDocument": {"uri": self.uri(path)}, "position": position});
        if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
            params.extend(more);
        }
        self.ask(method, params)
    }

    /// How many files the server has read so far.
    ///
    /// # Panics
    /// When it does not say.
    #[expect(clippy::expect_used, reason = "a count that is not there is a failed test")]
    pub fn readings(&mut self) -> u64 {
        self.ask("ordain/readings", json!({})).expect("a count").as_u64().expect("a number")
    }

    /// Ends the conversation; the server's exit code.
    pub fn leave(mut self) -> Option<i32> {
        let _answer = self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.server.wait().ok()?.code()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // A test that failed leaves no server behind; one that left is gone already.
        let _gone = self.server.kill().and_then(|()| self.server.wait());
    }
}

fn read(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// Line and character of the first place of a part of a text, and of its end.
///
/// # Panics
/// When the text does not hold it.
#[must_use]
#[expect(clippy::expect_used, reason = "a place that is not there is a failed test")]
pub fn place(text: &str, part: &str) -> ((usize, usize), (usize, usize)) {
    let start = text.find(part).expect("the part is in the text");
    let at = |offset: usize| {
        let before = text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count(), line.encode_utf16().count())
    };
    (at(start), at(start + part.len()))
}
