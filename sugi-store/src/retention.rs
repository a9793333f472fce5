//! Buyers that were kept for long enough are taken away, and the journal's proof stays.

use jiff::{Timestamp, civil::Date, tz};

use crate::{
    erasable,
    error::{IntegrityViolation, StoreError},
    sql,
    store::{Engine, Store},
    value::Value,
};

/// How many payments are done at a time, in one transaction.
const STRETCH: usize = 100;
/// How the audit names what was taken away, before the day.
const SUBJECT: &str = "buyers before ";

impl Store {
    /// What the audit names the buyers of everything that was asked for before a day.
    #[must_use]
    pub fn buyers_before(day: Date) -> String {
        format!("{SUBJECT}{day}")
    }

    /// The newest day before which all buyers were taken away, if they ever were: what was begun and broke
    /// off is to be done again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn buyers_erased(&self) -> Result<Option<Date>, StoreError> {
        newest(&self.engine, sql::access::AUDIT_NEWEST_DONE).await
    }

    /// Whether a buyer is kept of a settled payment that was asked for before a day in Korea. Days before
    /// `since` are not looked at.
    ///
    /// # Errors
    /// What the database says.
    pub async fn keeps_buyers(
        &self,
        since: Option<Date>,
        before: Date,
    ) -> Result<bool, StoreError> {
        let since = first_moment(since)?;
        let found = stretch(&self.engine, beginning(before)?, (since, ""), 1).await?;
        Ok(!found.is_empty())
    }

    /// Takes away who bought what was asked for before a day in Korea: name, mail and phone, in the
    /// journals and in what is made of them. What is not settled keeps its buyer. Returns how many
    /// payments lost theirs; begun again it goes on where it ended. Days before `since` are not looked at.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when the audit does not tell of it yet (a buyer that is gone and that
    /// no one owns up to is what [`verify`](Self::verify) names); what the database says.
    pub async fn erase_buyers(&self, since: Option<Date>, before: Date) -> Result<u64, StoreError> {
        if forgotten(&self.engine).await? < Some(before) {
            let why = "the audit does not tell of it; write that down first".into();
            return Err(StoreError::Failed { why });
        }
        let end = beginning(before)?;
        let mut taken = 0;
        let mut last = (first_moment(since)?, String::new());
        loop {
            let found = stretch(&self.engine, end, (last.0, &last.1), STRETCH).await?;
            let Some(newest) = found.last() else {
                return Ok(taken);
            };
            last = (newest.created_at, newest.id.clone());
            taken += found.len() as u64;
            self.engine.run_all(statements(found)).await?;
        }
    }
}

/// The newest day before which the audit says that buyers were taken away.
pub(crate) async fn forgotten(engine: &Engine) -> Result<Option<Date>, StoreError> {
    newest(engine, sql::access::AUDIT_NEWEST).await
}

async fn newest(engine: &Engine, sql: &'static str) -> Result<Option<Date>, StoreError> {
    let values = vec![SUBJECT.into(), format!("{SUBJECT}\u{7f}").into()];
    let rows = engine.rows(sql, values).await?;
    let newest = rows.first().map(|row| row.maybe_text(0)).transpose()?;
    let Some(subject) = newest.flatten() else {
        return Ok(None);
    };
    let day = subject.strip_prefix(SUBJECT).unwrap_or_default();
    let day = day.parse().map_err(|_| IntegrityViolation {
        place: "audit".into(),
        what: format!("`{SUBJECT}` is not followed by a day"),
    })?;
    Ok(Some(day))
}

/// The first moment of a day, or before all of them.
fn first_moment(since: Option<Date>) -> Result<i64, StoreError> {
    let since = since.map(beginning).transpose()?;
    Ok(since.map_or(i64::MIN, Timestamp::as_microsecond))
}

/// When a day begins in Korea.
pub(crate) fn beginning(day: Date) -> Result<Timestamp, StoreError> {
    let beginning = tz::offset(9).to_timestamp(day.at(0, 0, 0, 0));
    beginning.map_err(|why| StoreError::Failed {
        why: format!("{day}: {why}"),
    })
}

/// A payment whose buyer is kept.
struct Kept {
    id: String,
    created_at: i64,
    erasable: String,
}

async fn stretch(
    engine: &Engine,
    end: Timestamp,
    behind: (i64, &str),
    limit: usize,
) -> Result<Vec<Kept>, StoreError> {
    let values = vec![
        end.as_microsecond().into(),
        behind.0.into(),
        behind.1.to_owned().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let rows = engine.rows(sql::BUYERS, values).await?;
    let read = rows.iter().map(|row| {
        Ok(Kept {
            id: row.text(0)?,
            created_at: row.int(1)?,
            erasable: row.text(2)?,
        })
    });
    read.collect()
}

/// The statements that take buyers away, as one transaction: the projection never tells of someone
/// whom the journal does not know.
fn statements(found: Vec<Kept>) -> Vec<(String, Vec<Value<'static>>)> {
    let marks = |width: usize| {
        let row = |n: usize| {
            let marks: Vec<_> = (1..=width).map(|m| format!("${}", n * width + m)).collect();
            format!("({})", marks.join(", "))
        };
        (0..found.len()).map(row).collect::<Vec<_>>().join(", ")
    };
    let journal = sql::ERASE_PERSONAL_DATA.replace("{rows}", &marks(2));
    let projection = sql::ERASE_BUYER.replace("{rows}", &marks(1));
    let ids = found.iter().map(|kept| kept.id.clone().into()).collect();
    let gone = found
        .into_iter()
        .flat_map(|kept| [kept.id.into(), erasable::gone(&kept.erasable).into()]);
    vec![(projection, ids), (journal, gone.collect())]
}
