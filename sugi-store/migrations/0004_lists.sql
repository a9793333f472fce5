-- Every list is a stretch of an index with the newest at its end: what it costs to look for something
-- does not grow with the ledger. `+ 0` keeps these apart from the order of time itself, by which a
-- planner would look for the payments of a shop that has closed, and walk all that is newer.
create index payment_status on payment (status, (created_at + 0));
-- The state comes first so that nothing that names a shop besides better things is found by it.
create index payment_shop on payment (status, shop, (created_at + 0));

-- Four digits of a card, a name, a phone (a shop's own, keyed in for whoever gives none) can be those
-- of many payments. These begin as the indexes that they replace, so the program before this step
-- finds by them as it did.
create index payment_last4_created on payment (last4, (created_at + 0));
create index payment_name_created on payment (buyer_name, (created_at + 0));
create index payment_phone_created on payment (phone_digits, (created_at + 0));
drop index payment_last4;
drop index payment_name;
drop index payment_phone;
