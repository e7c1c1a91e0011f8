//! Why a verb could not do what was asked, and the exit codes of the reference.

use std::process::ExitCode;

use ordain_runtime::api::ApiError;
use serde_json::{Value, json};

/// How a verb ended. The same in every output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing found.
    Done = 0,
    /// Problems found.
    Found = 1,
    /// Could not do it.
    Unable = 2,
    /// The start was refused, or the run ended denied, rejected or expired.
    Refused = 3,
    /// The run waits or is paused.
    Waits = 4,
    /// The run failed, was cancelled or is stuck.
    Failed = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// Every way to end.
    pub const ALL: &[Self] =
        &[Self::Done, Self::Found, Self::Unable, Self::Refused, Self::Waits, Self::Failed];

    /// What it means, in few words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Found => "problems found",
            Self::Unable => "could not do it",
            Self::Refused => "refused, denied, rejected or expired",
            Self::Waits => "waits or is paused",
            Self::Failed => "failed, cancelled or stuck",
        }
    }

    /// The code of a run in that state.
    #[must_use]
    pub fn of_run(state: &str) -> Self {
        match state {
            "succeeded" => Self::Done,
            "denied" | "rejected" | "expired" => Self::Refused,
            "failed" | "cancelled" | "stuck" => Self::Failed,
            _ => Self::Waits,
        }
    }
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(ApiError);

impl Failure {
    /// A failure of that code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self(ApiError::new(code, message))
    }

    /// The command line says something that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", message)
    }

    /// Nothing has that name.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self(ApiError::not_found(what, name))
    }

    /// Says a way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds reasons.
    pub fn reasons(mut self, reasons: Vec<Value>) -> Self {
        self.0.reasons = reasons;
        self
    }

    /// The error in it.
    pub const fn error(&self) -> &ApiError {
        &self.0
    }

    /// The document.
    pub fn document(&self) -> Value {
        json!({ "error": self.0 })
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

/// How a verb ended, or why it could not.
pub type Done = Result<Exit, Failure>;
