//! Who did what: one chain of rows through the whole ledger, written once.
//!
//! A payment's journal tells what happened to it. This tells who signed in, looked, asked and was
//! refused. Rows are numbered without a gap and each is hashed over the one before, so a row cannot
//! be changed, cut out, put in or moved without the next one telling. Cut off at the end, a chain
//! looks whole; that is what an [`AuditCheckpoint`] that was printed or mailed is for. Each row covers how far
//! the changes of documents and the events were, so a checkpoint is theirs as well.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt::{self, Write as _},
};

use jiff::Timestamp;

use crate::{
    chain::Hash,
    error::{IntegrityViolation, StoreError},
    event_stream::last_event,
    sql::access,
    store::{Engine, Store},
    value::{Cells, Value},
};

/// Something that someone did, or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `operator:kim`, `key:back end`, or no one (`-`).
    pub actor: String,
    /// What: the operation.
    pub action: String,
    /// To what: a payment, an operator, a shop; empty if to nothing in particular.
    pub subject: String,
    /// How it ended.
    pub outcome: String,
    /// The address that it came from.
    pub origin: String,
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1.
    pub seq: i64,
    /// What it tells.
    pub audit_entry: AuditEntry,
    /// How far the changes of documents were, and the events.
    pub(crate) others: [i64; 2],
    /// The hash of this row over the one before.
    pub hash: Hash,
}

/// Where the chain stands: who has kept one knows later that nothing before it was changed or cut
/// off. It is written `number:hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// The number of the last row; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// Which rows of the audit to list. Everything that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this actor.
    pub actor: Option<String>,
    /// About this.
    pub subject: Option<String>,
    /// Before this number: where the page before ended.
    pub before: Option<i64>,
}

/// How many rows are written at a time.
pub const AUDIT_ENTRIES_AT_ONCE: usize = 64;
/// How many rows a page holds.
pub const AUDIT_ENTRIES_PAGE: usize = 100;
/// How many rows are walked at a time.
const STRETCH: i64 = 1_000;

impl Store {
    /// Where the chain stands.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_checkpoint(&self) -> Result<AuditCheckpoint, StoreError> {
        let found = self.engine.rows(access::AUDIT_END, Vec::new()).await?;
        found.first().map_or(Ok(AuditCheckpoint::START), |row| {
            let hash = Hash::from_hex(&row.text(1)?);
            let seq = row.int(0)?;
            let hash = hash.ok_or_else(|| violation(seq, "its hash is no hash"))?;
            Ok(AuditCheckpoint { seq, hash })
        })
    }

    /// Writes what was done behind a checkpoint, all of it or nothing; at most [`AUDIT_ENTRIES_AT_ONCE`]. The
    /// new checkpoint, or `None` when someone else wrote there first: read the checkpoint again.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may something have been written.
    pub async fn audit(
        &self,
        behind: AuditCheckpoint,
        audit_entries: &[AuditEntry],
    ) -> Result<Option<AuditCheckpoint>, StoreError> {
        let others = [self.last_change().await?, last_event(&self.engine).await?];
        let mut end = behind;
        let mut values: Vec<Value<'static>> = Vec::with_capacity(audit_entries.len() * 10);
        let mut marks = Vec::with_capacity(audit_entries.len());
        for audit_entry in audit_entries.iter().take(AUDIT_ENTRIES_AT_ONCE) {
            let audit_entry = &audit_entry.storable();
            end = end.then(audit_entry, others);
            let at = values.len();
            let numbers: Vec<_> = (at + 1..=at + 10).map(|n| format!("${n}")).collect();
            marks.push(format!("({})", numbers.join(", ")));
            values.push(end.seq.into());
            values.push(audit_entry.at.as_microsecond().into());
            for text in audit_entry.texts() {
                values.push(text.to_owned().into());
            }
            values.extend(others.map(|(n, _)| n.into()));
            values.push(end.hash.to_hex().into());
        }
        if marks.is_empty() {
            return Ok(Some(end));
        }
        let sql = access::AUDIT.replace("{rows}", &marks.join(", "));
        match self.engine.run(sql, values).await {
            Ok(_) => Ok(Some(end)),
            // A number that is taken fails the whole statement. Whether it was that, and whose rows are there, our
            // own after all or others', is seen from what stands there now.
            Err(why) => match self.behind(behind, audit_entries).await? {
                Some(ours) => {
                    // They can be seen, and are safe only once a commit after them is.
                    self.probe().await.map_err(|_| why)?;
                    Ok(Some(ours))
                }
                None if self.audit_checkpoint().await? == behind => Err(why),
                None => Ok(None),
            },
        }
    }

    /// Where the last of these entries stands, if they are what was written behind a checkpoint.
    async fn behind(
        &self,
        behind: AuditCheckpoint,
        audit_entries: &[AuditEntry],
    ) -> Result<Option<AuditCheckpoint>, StoreError> {
        let ours = &audit_entries[..audit_entries.len().min(AUDIT_ENTRIES_AT_ONCE)];
        let count = i64::try_from(ours.len()).unwrap_or(i64::MAX);
        let values = vec![behind.seq.into(), count.into()];
        let found = self.engine.rows(access::AUDIT_WALK, values).await?;
        let found = found.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
        let is_same = |(row, ours): (&Row, &AuditEntry)| {
            let at = |entry: &AuditEntry| entry.at.as_microsecond();
            at(&row.audit_entry) == at(ours) && row.audit_entry.texts() == ours.storable().texts()
        };
        let is_ours = found.len() == ours.len() && found.iter().zip(ours).all(is_same);
        let last = found.last().filter(|_| is_ours);
        Ok(last.map(|row| AuditCheckpoint {
            seq: row.seq,
            hash: row.hash,
        }))
    }

    /// A page of the audit, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<Row>, StoreError> {
        let mut values: Vec<Value<'static>> = vec![filter.before.unwrap_or(i64::MAX).into()];
        let mut wheres = String::new();
        for (column, text) in [("actor", &filter.actor), ("subject", &filter.subject)] {
            if let Some(text) = text {
                values.push(text.clone().into());
                let _ = write!(wheres, " and {column} = ${}", values.len());
            }
        }
        let sql = access::AUDIT_ENTRIES
            .replace("{and}", &wheres)
            .replace("{limit}", &AUDIT_ENTRIES_PAGE.to_string());
        let found = self.engine.rows(sql, values).await?;
        found.iter().map(Row::read).collect()
    }

    /// Walks the whole audit; returns where it ends. With a checkpoint that was kept, also whether the
    /// chain still runs through it.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] with the first finding.
    pub async fn verify_audit(
        &self,
        kept: Option<AuditCheckpoint>,
    ) -> Result<AuditCheckpoint, StoreError> {
        let end = walk(&self.engine, kept).await?;
        if let Some(kept) = kept.filter(|kept| kept.seq > end.seq) {
            let what = format!("it was cut off: the chain ends at row {}", end.seq);
            return Err(violation(kept.seq, what).into());
        }
        let below = self.engine.rows(access::AUDIT_BELOW, Vec::new()).await?;
        if let Some(row) = below.first() {
            return Err(violation(row.int(0)?, "rows are numbered from 1").into());
        }
        match self
            .engine
            .rows(access::AUDIT_STRAYS, Vec::new())
            .await?
            .first()
        {
            Some(row) => {
                let what = format!("{} that it tells of is gone from the ledger", row.text(1)?);
                Err(violation(row.int(0)?, what).into())
            }
            None => Ok(end),
        }
    }
}

async fn walk(
    engine: &Engine,
    kept: Option<AuditCheckpoint>,
) -> Result<AuditCheckpoint, StoreError> {
    let mut end = AuditCheckpoint::START;
    loop {
        let values = vec![end.seq.into(), STRETCH.into()];
        let stretch = engine.rows(access::AUDIT_WALK, values).await?;
        if stretch.is_empty() {
            return Ok(end);
        }
        let others = Others::of(engine, &stretch).await?;
        for row in &stretch {
            let place = violation(end.seq + 1, "").place;
            let row = Row::read(row).map_err(|why| why.at(&place))?;
            if row.seq != end.seq + 1 {
                return Err(violation(end.seq + 1, "it is missing").into());
            }
            end = end.then(&row.audit_entry, others.at(&row)?);
            if row.hash != end.hash {
                let what = "its hash does not fit it, the row before, and how far documents and events were";
                return Err(violation(row.seq, what).into());
            }
            if kept.is_some_and(|kept| kept.seq == end.seq && kept.hash != end.hash) {
                return Err(violation(row.seq, "it is not the row that was checkpointed").into());
            }
        }
    }
}

/// The hashes of the other chains that a stretch of rows covers: of changes of documents, and of events.
struct Others([HashMap<i64, Hash>; 2]);

impl Others {
    async fn of(engine: &Engine, stretch: &[Cells]) -> Result<Self, StoreError> {
        let mut wanted = [BTreeSet::new(), BTreeSet::new()];
        for row in stretch {
            // One that does not read is named when its row is.
            for (wanted, at) in wanted.iter_mut().zip([7, 8]) {
                wanted.extend(row.int(at).ok());
            }
        }
        // Numbers, and nothing that could be anything else.
        let listed = |wanted: &BTreeSet<i64>| {
            let numbers: Vec<_> = wanted.iter().map(ToString::to_string).collect();
            numbers.join(", ")
        };
        let sql = access::OTHER_CHAINS
            .replace("{changes}", &listed(&wanted[0]))
            .replace("{events}", &listed(&wanted[1]));
        let start = || HashMap::from([(0, Hash::START)]);
        let mut found = [start(), start()];
        for row in engine.rows(sql, Vec::new()).await? {
            let of = usize::from(row.text(0)? == "event");
            if let Some(hash) = Hash::from_hex(&row.text(2)?) {
                found[of].insert(row.int(1)?, hash);
            }
        }
        Ok(Self(found))
    }

    /// Where they stood when a row was written.
    fn at(&self, row: &Row) -> Result<[(i64, Hash); 2], StoreError> {
        let [changes, events] = row.others;
        let of = |which: usize, n: i64, what: &str| {
            let hash = self.0[which].get(&n).copied();
            let missing = || {
                violation(
                    row.seq,
                    format!("{what} {n}, which was there then, is gone"),
                )
            };
            hash.map(|hash| (n, hash)).ok_or_else(missing)
        };
        Ok([
            of(0, changes, "change of documents")?,
            of(1, events, "event")?,
        ])
    }
}

fn violation(seq: i64, what: impl Into<String>) -> IntegrityViolation {
    IntegrityViolation {
        place: format!("audit row {seq}"),
        what: what.into(),
    }
}

impl AuditCheckpoint {
    /// Before the first row.
    pub const START: Self = Self {
        seq: 0,
        hash: Hash::START,
    };

    fn then(self, audit_entry: &AuditEntry, others: [(i64, Hash); 2]) -> Self {
        let seq = self.seq + 1;
        let (at, texts) = (audit_entry.at, audit_entry.texts());
        Self {
            seq,
            hash: self.hash.next_audit_entry(seq, at, texts, others),
        }
    }
}

impl fmt::Display for AuditCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash.to_hex())
    }
}

impl std::str::FromStr for AuditCheckpoint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let checkpoint = text.split_once(':').and_then(|(seq, hash)| {
            let seq = seq.parse().ok().filter(|seq| *seq >= 0)?;
            Some(Self {
                seq,
                hash: Hash::from_hex(hash)?,
            })
        });
        checkpoint.ok_or_else(|| {
            "a checkpoint is a row's number, a colon and 64 hexadecimal digits".into()
        })
    }
}

impl AuditEntry {
    /// With nothing in it that a database refuses: PostgreSQL keeps no NUL, and one row with one would take
    /// all that are written with it along.
    fn storable(&self) -> Cow<'_, Self> {
        if !self.texts().iter().any(|text| text.contains('\0')) {
            return Cow::Borrowed(self);
        }
        let [actor, action, subject, outcome, origin] =
            self.texts().map(|text| text.replace('\0', "\u{fffd}"));
        Cow::Owned(Self {
            at: self.at,
            actor,
            action,
            subject,
            outcome,
            origin,
        })
    }

    fn texts(&self) -> [&str; 5] {
        [
            &self.actor,
            &self.action,
            &self.subject,
            &self.outcome,
            &self.origin,
        ]
    }
}

impl Row {
    fn read(row: &Cells) -> Result<Self, StoreError> {
        let seq = row.int(0)?;
        let at = Timestamp::from_microsecond(row.int(1)?);
        let hash = Hash::from_hex(&row.text(9)?);
        Ok(Self {
            seq,
            audit_entry: AuditEntry {
                at: at.map_err(|_| violation(seq, "its time is no time"))?,
                actor: row.text(2)?,
                action: row.text(3)?,
                subject: row.text(4)?,
                outcome: row.text(5)?,
                origin: row.text(6)?,
            },
            others: [row.int(7)?, row.int(8)?],
            hash: hash.ok_or_else(|| violation(seq, "its hash is no hash"))?,
        })
    }
}
