-- The store of one workspace. Journal and audit are append-only; all else is derived from them, or
-- addressed by its digest.
create table journal (
    run    text    not null,
    seq    integer not null,
    at     integer not null,          -- ms since the epoch
    event  text    not null,          -- JSON
    primary key (run, seq)
) strict, without rowid;

create table audit (
    seq    integer primary key,
    run    text,                      -- null: the chain `system`
    record text    not null           -- canonical JSON, without seq
) strict;
create index audit_by_run on audit (run, seq);

create table runs (                   -- view
    id         text    primary key,
    runbook    text    not null,
    state      text    not null,
    requester  text    not null,
    mode       text    not null,
    parent     text,
    created_at integer not null,
    settled_at integer,
    specs      text    not null       -- digest of the pinned specs, see `pinned`
) strict;
create index runs_by_state on runs (state, id);
create index runs_by_parent on runs (parent, id) where parent is not null;
create index runs_unsettled on runs (id) where settled_at is null;

create table approvals (              -- view
    id    text primary key,
    run   text not null,
    state text not null
) strict, without rowid;
create index approvals_by_state on approvals (state, id);

create table decisions (              -- view: which run a decision belongs to
    id  text primary key,
    run text not null
) strict, without rowid;

create table world (                  -- view: counters, locks, keys, switches
    kind  text not null,
    key   text not null,
    value text not null,              -- JSON
    primary key (kind, key)
) strict, without rowid;

create table pinned (                 -- catalogue and grants that runs were started under
    digest    text primary key,
    catalogue text not null,          -- digest of the catalogue
    grants    text not null           -- JSON
) strict, without rowid;

create table catalogue_file (         -- which files a catalogue was read from
    catalogue text not null,
    path      text not null,
    file      text not null,
    primary key (catalogue, path)
) strict, without rowid;

create table file (
    digest text primary key,
    text   text not null
) strict, without rowid;

create table meta (
    key   text primary key,
    value text not null
) strict, without rowid;

create trigger journal_is_append_only_update before update on journal
begin select raise(abort, 'the journal is append-only'); end;
create trigger journal_is_append_only_delete before delete on journal
begin select raise(abort, 'the journal is append-only'); end;
create trigger audit_is_append_only_update before update on audit
begin select raise(abort, 'the audit log is append-only'); end;
create trigger audit_is_append_only_delete before delete on audit
begin select raise(abort, 'the audit log is append-only'); end;
