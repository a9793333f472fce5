-- The journal is the truth: one row, one event, written once.
create table journal (
    payment text   not null,
    seq     bigint not null,
    at      bigint not null, -- microseconds since 1970
    body    text   not null, -- the event, JSON; never anything of a card beyond first six and last four
    hash    text   not null, -- SHA-256 over the row and the hash of the row before
    primary key (payment, seq)
);

-- The fold of each journal, for finding and listing. It can be rebuilt at any time.
create table payment (
    id          text   not null primary key,
    seq         bigint not null,
    head        text   not null,
    status      text   not null,
    shop        text   not null,
    site_cd     text   not null, -- KCP's books are kept by it
    order_no    text   not null, -- the merchant's
    ordr_idxx   text   not null, -- what KCP was told
    amount      bigint not null, -- the currency's smallest unit
    cancelled   bigint not null,
    currency    text   not null,
    buyer_name  text,
    buyer_phone text,
    -- The phone as it is dialled in Korea, however it is written above: 0 for +82, and digits alone.
    phone_digits text generated always as (
        case
            when substr(buyer_phone, 1, 3) <> '+82' then
                replace(replace(replace(replace(replace(replace(
                    buyer_phone, '-', ''), ' ', ''), '.', ''), '(', ''), ')', ''), '+', '')
            else '0' || ltrim(replace(replace(replace(replace(replace(
                substr(buyer_phone, 4), '-', ''), ' ', ''), '.', ''), '(', ''), ')', ''), '0')
        end
    ) stored,
    last4       text   not null,
    tno         text,
    app_no      text,
    issuer      text,
    actor       text   not null,
    created_at  bigint not null,
    updated_at  bigint not null,
    due_at      bigint, -- when the engine has to look at it again
    doubt_since bigint
);
create index payment_due on payment (due_at) where due_at is not null;
create index payment_doubt on payment (doubt_since) where doubt_since is not null;
create index payment_order on payment (order_no);
create index payment_number on payment (ordr_idxx);
-- What KCP knows by one number is one payment's: no other can take it for its own.
create unique index payment_tno on payment (tno, site_cd) where tno is not null;
create index payment_app_no on payment (app_no) where app_no is not null;
create index payment_last4 on payment (last4);
create index payment_phone on payment (phone_digits) where phone_digits is not null;
create index payment_name on payment (buyer_name) where buyer_name is not null;

-- How many payments of a merchant's order are alive. A new one is taken only where there is none. From
-- then on each counts itself in and out, in the transaction of the row that brings it to life or ends it,
-- so that no two of them have to see each other: the row's lock is all that they share. It can be more
-- than one, when a payment that was closed turns out to be charged.
create table order_claim (
    site_cd  text   not null,
    order_no text   not null,
    living   bigint not null,
    primary key (site_cd, order_no)
);

-- One payment per idempotency key, for as long as the payment is kept.
create table idempotency (
    scope   text not null,
    key     text not null,
    request text not null, -- a hash of the request without its card
    payment text not null,
    primary key (scope, key)
);

-- Where a ledger in a file ends: counted up with every commit, and written into a file beside it, which
-- knows that a copy is torn. PostgreSQL tears no copies and leaves it at 0.
create table ending (
    one     bigint not null primary key,
    commits bigint not null
);
insert into ending (one, commits) values (1, 0);

-- Which node looks after a payment that is due, until when. A lease only saves double work; what
-- may be written is decided by the journal's key.
create table lease (
    payment text   not null primary key,
    node    text   not null,
    ends_at bigint not null,
    fence   bigint not null -- grows with every change of hands
);
