//! The bytes between an editor and the server. What cannot be read is answered with the protocol's error and passed
//! over: no message ends the conversation but the one that is meant to. Knows nothing of what messages mean, but that
//! a request was taken back.

use std::io::{BufRead, Read as _, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use lsp_server::{Connection, Message, RequestId};
use serde_json::{Value, json};

/// The largest message that is read.
const BODY_BYTES: u64 = 64 << 20;
/// The longest line of a head.
const LINE_BYTES: u64 = 64 << 10;
/// So many requests that were taken back are remembered: an editor may take back what was answered long ago.
const REMEMBERED: usize = 256;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;

/// Requests that the editor took back before they were answered.
#[derive(Debug, Clone, Default)]
pub struct TakenBack(Arc<Mutex<Vec<RequestId>>>);

impl TakenBack {
    /// Remembers one.
    pub fn add(&self, id: RequestId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == REMEMBERED {
            all.remove(0);
        }
        all.push(id);
    }

    /// True once for a request that was.
    pub fn take(&self, id: &RequestId) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().position(|taken| taken == id);
        place.map(|at| all.remove(at)).is_some()
    }
}

/// The conversation over standard input and output, and who writes its last words.
pub fn stdio() -> (Connection, TakenBack, JoinHandle<()>) {
    let (ours, theirs) = Connection::memory();
    let taken_back = TakenBack::default();
    let Connection { sender, receiver } = theirs;
    let writer = std::thread::spawn(move || {
        let lost = |message: Message| message.write(&mut std::io::stdout().lock()).is_err();
        // An editor that is gone is noticed where it is read.
        let _gone = receiver.into_iter().any(lost);
    });
    let remembered = taken_back.clone();
    // Nobody waits for the reader: what the editor says after the end is nobody's.
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut refuse = |refusal: &Value| {
            let text = refusal.to_string();
            let mut out = std::io::stdout().lock();
            let _gone =
                write!(out, "Content-Length: {}\r\n\r\n{text}", text.len()).and_then(|()| out.flush());
        };
        while let Some(message) = next(&mut input, &remembered, &mut refuse) {
            let is_last = matches!(&message, Message::Notification(said) if said.method == "exit");
            if sender.send(message).is_err() || is_last {
                break;
            }
        }
    });
    (ours, taken_back, writer)
}

/// The next message that can be read; `refuse` answers those before it that cannot. `None` at the end.
fn next(input: &mut impl BufRead, taken_back: &TakenBack, refuse: &mut dyn FnMut(&Value)) -> Option<Message> {
    loop {
        let read = match framed(input).ok()?? {
            Framed::Body(bytes) => message(&bytes),
            Framed::Wrong(why) => Err(refusal(&Value::Null, PARSE_ERROR, why)),
        };
        match read {
            Ok(message) => {
                if let Message::Notification(said) = &message
                    && said.method == "$/cancelRequest"
                    && let Some(id) = said.params.get("id")
                    && let Ok(id) = serde_json::from_value(id.clone())
                {
                    taken_back.add(id);
                }
                return Some(message);
            }
            Err(refusal) => refuse(&refusal),
        }
    }
}

/// What one head announces.
#[derive(Debug, PartialEq, Eq)]
enum Framed {
    Body(Vec<u8>),
    /// Why there is none.
    Wrong(&'static str),
}

/// The next body. Where heads are broken, the next line that ends in a length begins a message again.
fn framed(input: &mut impl BufRead) -> std::io::Result<Option<Framed>> {
    let (mut length, mut is_begun) = (None, false);
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            is_begun = true;
            length = announced(&line).or(length);
            continue;
        }
        match length {
            Some(length) if length > BODY_BYTES => {
                std::io::copy(&mut input.by_ref().take(length), &mut std::io::sink())?;
                return Ok(Some(Framed::Wrong("the message is too large")));
            }
            Some(length) => {
                let mut body = Vec::new();
                let read = input.by_ref().take(length).read_to_end(&mut body)?;
                return Ok((read as u64 == length).then_some(Framed::Body(body)));
            }
            None if is_begun => return Ok(Some(Framed::Wrong("the message has no `Content-Length`"))),
            None => {}
        }
    }
}

/// The length that a line of a head ends with.
fn announced(line: &str) -> Option<u64> {
    let line = line.to_ascii_lowercase();
    let (_, value) = line.rsplit_once("content-length:")?;
    value.trim().parse().ok()
}

fn message(bytes: &[u8]) -> Result<Message, Value> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|_| refusal(&Value::Null, PARSE_ERROR, "the message is no JSON"))?;
    let id = value.get("id").cloned().unwrap_or_default();
    let named = if id.is_string() || id.is_i64() { &id } else { &Value::Null };
    // A request whose id is none would otherwise pass for a notification, and nobody would hear of it.
    let is_odd = value.get("method").is_some() && value.get("id").is_some() && named.is_null();
    let wrong = || refusal(named, INVALID_REQUEST, "this is no request, answer or notification");
    if is_odd { Err(wrong()) } else { serde_json::from_value(value).map_err(|_| wrong()) }
}

fn refusal(id: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_what_follows_is_read() {
        let good = whole(r#"{"jsonrpc":"2.0","method":"good","params":{}}"#);
        let back = whole(r#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"a"}}"#);
        let wrong = [
            (whole("{nope"), PARSE_ERROR),
            (whole("[]"), INVALID_REQUEST),
            (whole("{}"), INVALID_REQUEST),
            (whole("null"), INVALID_REQUEST),
            (whole(r#"{"id":{},"method":"x"}"#), INVALID_REQUEST),
            ("Content-Length: abc\r\n\r\n".to_owned(), PARSE_ERROR),
            ("Content-Type: text\r\n\r\n{\"rest\": 1}".to_owned(), PARSE_ERROR),
        ];
        let text: String = wrong.iter().map(|(text, _)| format!("{text}{good}")).collect();
        let text = format!("{text}\r\n\r\n{back}Content-Length: 9\r\n\r\ncut");
        let (taken_back, mut refused, mut read) = (TakenBack::default(), Vec::new(), Vec::new());
        let mut input = text.as_bytes();
        let mut refuse = |refusal: &Value| refused.push(refusal.pointer("/error/code").cloned());
        while let Some(Message::Notification(said)) = next(&mut input, &taken_back, &mut refuse) {
            read.push(said.method);
        }
        let due: Vec<_> = wrong.iter().map(|(_, code)| Some(json!(code))).collect();
        assert_eq!(refused, due);
        assert_eq!(read.iter().filter(|method| *method == "good").count(), wrong.len());
        assert!(taken_back.take(&"a".to_owned().into()) && !taken_back.take(&"a".to_owned().into()));
    }

    #[test]
    fn a_message_that_is_too_large_is_passed_over() {
        let head = format!("Content-Length: {}\r\n\r\n", BODY_BYTES + 1);
        let large = std::io::repeat(b'x').take(BODY_BYTES + 1);
        let rest = whole(r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#);
        let mut input = std::io::BufReader::new(head.as_bytes().chain(large).chain(rest.as_bytes()));
        assert_eq!(framed(&mut input).unwrap(), Some(Framed::Wrong("the message is too large")));
        assert!(matches!(framed(&mut input).unwrap(), Some(Framed::Body(body)) if body.starts_with(b"{")));
    }
}
