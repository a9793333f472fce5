-- What a journal row keeps beside its event: who bought. Its hash covers the digest of it alone, so it
-- can be taken away, and leaves its digest, when it has been kept for long enough.
alter table journal add column erasable text;
