-- The store of one workspace: what is true. Journal and audit are append-only; payloads can be erased, never
-- changed; specs are addressed by their digest. What is derived from these stands in `views.sql`.
create table journal (
    run    text    not null,
    seq    integer not null,
    at     integer not null,          -- ms since the epoch
    place  integer not null,          -- in the order of all events of the store
    event  text    not null,          -- JSON, with references in the places of payloads
    primary key (run, seq)
) strict, without rowid;

create table payload (                -- what runs carry: erased with the salt, which is one of them
    run  text    not null,
    seq  integer not null,            -- the first event of the transaction that brought them
    body text    not null,            -- JSON: values by reference
    primary key (run, seq)
) strict, without rowid;

create table audit (
    seq    integer primary key,
    run    text,                      -- null: the chain `system`
    record text    not null           -- canonical JSON, without seq
) strict;
create index audit_by_run on audit (run, seq);

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
