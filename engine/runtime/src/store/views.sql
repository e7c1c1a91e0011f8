-- Views: derived from journal and audit, dropped and built anew by `ordain rebuild`.
drop table if exists runs;
drop table if exists approvals;
drop table if exists decisions;
drop table if exists world;
drop table if exists tile;

create table runs (
    id         text    primary key,
    runbook    text    not null,
    state      text    not null,
    requester  text    not null,
    mode       text    not null,
    parent     text,
    created_at integer not null,
    settled_at integer,
    specs      text    not null,      -- digest of the pinned specs, see `pinned`
    erased_at  integer                -- when its payloads were erased
) strict;
create index runs_by_state on runs (state, id);
create index runs_by_parent on runs (parent, id) where parent is not null;
create index runs_unsettled on runs (id) where settled_at is null;

create table approvals (
    id    text primary key,
    run   text not null,
    state text not null
) strict, without rowid;
create index approvals_by_state on approvals (state, id);

create table decisions (              -- which run a decision belongs to
    id  text primary key,
    run text not null
) strict, without rowid;

create table world (                  -- counters, locks, keys, switches
    kind  text not null,
    key   text not null,
    value text not null,              -- JSON
    primary key (kind, key)
) strict, without rowid;

create table tile (                   -- the log as a Merkle tree: 256 neighbouring hashes of one level
    level  integer not null,          -- 0: leaves; each next level holds the roots of the tiles below
    place  integer not null,
    root   blob    not null,
    hashes blob    not null,
    primary key (level, place)
) strict, without rowid;
