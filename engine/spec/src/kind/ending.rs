//! What a run, its steps and its rollback can come to: the words in which scenarios say so. The kernel has the
//! states themselves; a test there holds that the words are the same.

closed! {
    /// What a run must come to, or that it must not start.
    pub enum Ending {
        /// Not begun.
        Pending = "pending",
        /// An attempt runs or a step is ready.
        Running = "running",
        /// Nothing runs; `waitingFor` says what for.
        Waiting = "waiting",
        /// Held by a person or a kill switch.
        Paused = "paused",
        /// Done.
        Succeeded = "succeeded",
        /// A step failed, or the run took too long.
        Failed = "failed",
        /// A rule said no.
        Denied = "denied",
        /// A person said no.
        Rejected = "rejected",
        /// Nobody said anything in time.
        Expired = "expired",
        /// Somebody called it off.
        Cancelled = "cancelled",
        /// Only a person knows what to do.
        Stuck = "stuck",
        /// It was not started.
        Refused = "refused",
    }
}

closed! {
    /// What a step must come to.
    pub enum StepEnding {
        /// Waits for what it needs.
        Blocked = "blocked",
        /// May be looked at.
        Ready = "ready",
        /// Waits for people.
        Held = "held",
        /// Waits for a budget's window to turn.
        Throttled = "throttled",
        /// An attempt runs.
        Running = "running",
        /// Waits for its next attempt.
        Retrying = "retrying",
        /// A pause, a signal or a sub-run.
        Waiting = "waiting",
        /// Done.
        Succeeded = "succeeded",
        /// Did not succeed.
        Failed = "failed",
        /// Its `when` was false, or a needed success was skipped.
        Skipped = "skipped",
        /// A rule said no.
        Denied = "denied",
        /// A person said no.
        Rejected = "rejected",
        /// Nobody said anything in time.
        Expired = "expired",
        /// Never started, because of something else.
        Cancelled = "cancelled",
        /// Nobody knows whether it happened.
        Unknown = "unknown",
        /// Its undo runs.
        Undoing = "undoing",
        /// It was undone.
        Undone = "undone",
    }
}

closed! {
    /// What must have been undone.
    pub enum Undone {
        /// Nothing had to be.
        None = "none",
        /// All that could have to be.
        Done = "done",
        /// Some steps have no way back.
        Partial = "partial",
        /// An undo did not succeed.
        Failed = "failed",
    }
}

closed! {
    /// What a run must wait for.
    pub enum WaitsFor {
        /// People who decide.
        Approval = "approval",
        /// Its turn.
        Queue = "queue",
        /// A message from outside.
        Signal = "signal",
        /// Another run.
        Subrun = "subrun",
        /// A budget's window.
        Throttle = "throttle",
        /// A time.
        Timer = "timer",
    }
}
