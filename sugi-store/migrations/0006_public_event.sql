-- What others are to hear of, written with the journal row that it is about, until it has a number.
create table outbox (
    at      bigint not null, -- when it happened, microseconds since 1970
    payment text   not null,
    seq     bigint not null, -- the journal row
    news    text   not null,
    shop    text   not null,
    primary key (at, payment, seq)
);

-- The same, numbered from 1 without a gap: what whoever reads on is told in order.
create table event (
    n       bigint not null primary key,
    at      bigint not null,
    payment text   not null,
    seq     bigint not null,
    news    text   not null,
    shop    text   not null,
    hash    text   not null -- SHA-256 over the row and the hash of the row before
);

-- What a webhook is told of, and how far that is.
create table delivery (
    webhook  text   not null,
    event    bigint not null,
    state    text   not null, -- `waiting`, `delivered` or `given_up`
    attempts bigint not null, -- grows with every try; who read a smaller one is too late
    due_at   bigint,          -- when it is tried next, if it waits
    at       bigint not null, -- when it was last tried, or made
    answer   text,            -- how the last try ended, in our words
    primary key (webhook, event)
);
create index delivery_due on delivery (webhook, due_at) where due_at is not null;
create index delivery_given_up on delivery (webhook, event) where state = 'given_up';
create index delivery_open on delivery (webhook, event) where state <> 'delivered';
