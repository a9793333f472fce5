//! How far the watch is: two marks along the stream of events, and which node is at them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sugi_core::ShopId;
use sugi_store::{Document, DocumentKind, StoreError};

use crate::engine::Inner;

/// How long the node that looks keeps others away: longer than a batch takes while KCP answers. Where it
/// does not, two nodes may look at the same payment, which costs an inquiry.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// How far back the first start looks.
const FIRST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The only document of its kind.
const KEY: &str = "marks";

/// The two looks at a payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pass {
    /// Once nothing of it can be under way any more.
    #[default]
    Window,
    /// A day after that: what KCP corrects overnight.
    NextDay,
}

impl Pass {
    pub(super) const ALL: [Self; 2] = [Self::Window, Self::NextDay];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::NextDay => "next_day",
        }
    }

    /// How long after the window.
    pub(super) fn delay(self) -> SignedDuration {
        match self {
            Self::Window => SignedDuration::ZERO,
            Self::NextDay => SignedDuration::from_hours(24),
        }
    }
}

/// Both marks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    window: Mark,
    next_day: Mark,
    /// When open cases were last looked at, in seconds since 1970.
    pub(super) cases: i64,
    node: String,
    /// Until when others keep away, in seconds since 1970.
    until: i64,
}

/// How far one pass is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) pass: Pass,
    /// The number of the last event that was seen to.
    pub(super) done: u64,
    /// The shops that are not as far, because KCP did not answer.
    pub(super) behind: BTreeMap<ShopId, Behind>,
}

/// How far a shop is that fell behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Behind {
    /// The last event that was seen to of this shop.
    pub(super) done: u64,
    /// How many inquiries in a row have told nothing.
    pub(super) tries: u32,
    /// How many of them were about the payment that is next.
    pub(super) own: u32,
    /// When it is tried again.
    pub(super) at: Timestamp,
}

impl Behind {
    pub(super) fn new(done: u64, at: Timestamp) -> Self {
        let (tries, own) = (1, 1);
        Self {
            done,
            tries,
            own,
            at,
        }
    }
}

impl Marks {
    pub(super) fn starting_at(done: u64) -> Self {
        let mark = |pass| Mark {
            pass,
            done,
            behind: BTreeMap::new(),
        };
        Self {
            window: mark(Pass::Window),
            next_day: mark(Pass::NextDay),
            ..Self::default()
        }
    }

    pub(super) fn of(&self, pass: Pass) -> &Mark {
        match pass {
            Pass::Window => &self.window,
            Pass::NextDay => &self.next_day,
        }
    }

    pub(super) fn of_mut(&mut self, pass: Pass) -> &mut Mark {
        match pass {
            Pass::Window => &mut self.window,
            Pass::NextDay => &mut self.next_day,
        }
    }

    /// Whether another node is at them. A lease that runs longer than any can was written by a clock that
    /// is ahead, and keeps no one away.
    pub(super) fn are_of_another(&self, node: &str, now: Timestamp) -> bool {
        let left = self.until - now.as_second();
        self.node != node && left > 0 && left <= 2 * LEASE.as_secs()
    }

    pub(super) fn take(&mut self, node: &str, now: Timestamp) {
        node.clone_into(&mut self.node);
        self.until = now.as_second() + LEASE.as_secs();
    }
}

impl Inner {
    pub(super) async fn marks(&self) -> Result<(Option<Document>, Marks), StoreError> {
        let read = self.store.document(DocumentKind::Watch, KEY).await?;
        let marks = match &read {
            None => Marks::starting_at(0),
            Some(read) => serde_json::from_str(&read.body).map_err(|why| StoreError::Failed {
                why: format!("the marks of the watch do not read: {why}"),
            })?,
        };
        Ok((read, marks))
    }

    /// Writes the marks, unless another node was quicker; as they stand then.
    pub(super) async fn set_marks(
        &self,
        read: Option<Document>,
        marks: &Marks,
    ) -> Result<Option<Document>, StoreError> {
        let kind = DocumentKind::Watch;
        let body = serde_json::to_string(marks).map_err(|why| crate::engine::failed(&why))?;
        let (owner, version) = (String::new(), read.as_ref().map_or(0, |read| read.version));
        let written = match &read {
            None => self.store.add_document(kind, KEY, &owner, &body).await?,
            Some(read) => {
                self.store
                    .replace_document(kind, read, &owner, &body)
                    .await?
            }
        };
        Ok(written.then(|| Document {
            key: KEY.into(),
            owner,
            version: version + 1,
            body,
        }))
    }

    /// The event behind which a watch begins that has never run: it looks back for a week. The numbers
    /// grow with time, near enough to look for it by halves.
    pub(super) async fn first_to_watch(&self) -> Result<u64, StoreError> {
        let since = self.clock.now() - FIRST;
        let (mut before, mut end) = (0, self.store.last_event().await?);
        while before < end {
            let middle = before + (end - before).div_ceil(2);
            match self.store.event(middle).await? {
                Some(event) if event.at < since => before = middle,
                _ => end = middle - 1,
            }
        }
        Ok(before)
    }
}
