-- Reports ask for a span of time.
create index payment_created on payment (created_at);
