-- Indexes for a look from a checkpoint on: what it costs follows from what came after the checkpoint. Nothing of what
-- is true changes, and every question that they answer has the same answer without them (`store/behind.rs`).
create index journal_by_place on journal (place, run);
create index journal_begins on journal (run) where seq = 1;
create index journal_successions on journal (seq) where substr(event, 1, 17) = '{"type":"rekeyed"';
create index audit_misplaced on audit (seq)
    where iif(run is null, instr(record, '"runId":"') > 0, instr(record, '"runId":"' || run || '"') = 0);
create index audit_stance on audit (seq)
    where substr(record, 1, 29) = '{"action":"workspace.changed"' and instr(record, '"subject":"profile:') > 0;
pragma user_version = 3;
