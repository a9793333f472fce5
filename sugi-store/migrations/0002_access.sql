-- What people set up and sugi keeps for them: operators, sessions, wishes that wait for a second
-- person. Each is one JSON text that is replaced whole, by whoever read its newest version.
create table document (
    kind    text   not null,
    key     text   not null,
    owner   text   not null, -- whom it belongs to, or what state it is in; for finding
    version bigint not null, -- grows with every change
    body    text   not null,
    primary key (kind, key)
);
create index document_owner on document (kind, owner);

-- What became of the documents that say who may do what: one row for each change, in its transaction, one
-- chain through all of them. A document that was changed by another hand is not what its last row says.
create table document_change (
    n       bigint not null primary key,
    kind    text   not null,
    key     text   not null,
    version bigint not null, -- 0 when it was taken away
    digest  text   not null, -- of all of it; empty when it was taken away
    hash    text   not null  -- SHA-256 over the row and the hash of the row before
);

-- Who did what: one row each, written once, one chain through all of them.
create table audit (
    seq     bigint not null primary key,
    at      bigint not null, -- microseconds since 1970
    actor   text   not null, -- `operator:…`, `key:…`, or nobody
    action  text   not null,
    subject text   not null,
    outcome text   not null,
    origin  text   not null, -- the address that it came from
    changes bigint not null, -- how far document_change was
    events  bigint not null, -- how far the events were
    hash    text   not null  -- SHA-256 over the row, the hash of the row before, and the hashes of those two
);
create index audit_actor on audit (actor, seq);
create index audit_subject on audit (subject, seq);
