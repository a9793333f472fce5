//! Faults: how the sandbox misbehaves, on what, how often, and for whom.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::Error;
use crate::chance::Draws;
use crate::codes::ResCd;
use crate::gateway::Operation;

/// No more faults than this are armed at once.
const MAX_ARMED: usize = 1_000;
const MAX_TIMES: u32 = 1_000_000_000;

/// Where a reply's body is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CutAt {
    /// Right before the value of `tno`: the number is lost.
    BeforeTno,
    /// Right behind the value of `tno`: the JSON is broken, the number is readable.
    AfterTno,
    /// After so many bytes of the body.
    Byte(usize),
}

/// What goes wrong.
///
/// Unless [`Fault::after_books`] says otherwise, the books change first (that is what makes these
/// faults about money); the exceptions are `LoseRequest`, which never reaches the books, and
/// `Refuse`, which by default refuses without charging.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The connection is closed without an answer and the books stay as they are.
    LoseRequest,
    /// The books change, then the connection is closed without a byte of answer.
    LoseAnswer,
    /// The answer announces its full length and ends early.
    CutBody {
        /// Where.
        at: CutAt,
    },
    /// HTTP 200 with a body that is not JSON.
    Garbage,
    /// `0000`, and an `amount` that was not asked for.
    WrongAmount {
        /// The amount to show; one more than asked when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<u64>,
        /// Whether the books hold the wrong amount too.
        books_too: bool,
    },
    /// `0000` without a `tno`.
    NoTno,
    /// `0000` with a `tno` that belongs to no payment.
    WrongTno,
    /// `0000` with the `tno` of another payment.
    OthersTno {
        /// Which.
        tno: String,
    },
    /// The answer comes late, and the books change at once or late too.
    LateAnswer {
        /// Milliseconds until the answer.
        delay_ms: u64,
        /// Milliseconds until the books change; 0 is at once. They change even when the caller has
        /// hung up: the late approval that lands after a reversal.
        books_delay_ms: u64,
    },
    /// The whole HTTP answer is sent twice on the connection.
    DuplicateAnswer,
    /// The request is processed twice; the answer speaks of the second payment alone.
    ProcessTwice,
    /// HTTP 500 with an HTML page.
    #[serde(rename = "http_500")]
    Http500 {
        /// The status, 500 to 599.
        status: u16,
    },
    /// The connection is reset (TCP RST).
    Reset,
    /// The answer comes byte by byte.
    SlowDrip {
        /// Milliseconds between two bytes.
        interval_ms: u64,
    },
    /// `amount` and `tno` stand twice in the answer, with different values.
    DuplicateKeys,
    /// The answer's Korean text is EUC-KR.
    EucKr,
    /// Texts of the answer end inside a Korean letter, as texts do that were cut by bytes.
    CutLetter {
        /// The field; every text for people that the answer has when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// Texts of the answer end in a line end that is not escaped, which no JSON string may hold.
    RawLineEnd {
        /// The field; every text for people that the answer has when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// The answer starts with a byte order mark.
    Bom,
    /// HTTP 307 to the same address: a client that follows it sends the payment again.
    Redirect,
    /// HTTP 200 with nothing in it.
    EmptyBody,
    /// The right answer, followed by so much white space.
    HugeBody {
        /// Bytes of white space, at most 1 GiB.
        bytes: u64,
    },
    /// A result code of your choice.
    Refuse {
        /// Four digits or capital letters.
        res_cd: String,
    },
    /// One of the others, drawn per request. The draw depends on the seed, the operation, the order
    /// number and how often that order was tried, so a run with the same seed meets the same faults
    /// in any order its requests arrive.
    Random {
        /// The seed.
        seed: u64,
        /// The share of requests that meet a fault, 0 to 1.
        probability: f64,
    },
}

impl FaultKind {
    /// The name used on the control port.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LoseRequest => "lose_request",
            Self::LoseAnswer => "lose_answer",
            Self::CutBody { .. } => "cut_body",
            Self::Garbage => "garbage",
            Self::WrongAmount { .. } => "wrong_amount",
            Self::NoTno => "no_tno",
            Self::WrongTno => "wrong_tno",
            Self::OthersTno { .. } => "others_tno",
            Self::LateAnswer { .. } => "late_answer",
            Self::DuplicateAnswer => "duplicate_answer",
            Self::ProcessTwice => "process_twice",
            Self::Http500 { .. } => "http_500",
            Self::Reset => "reset",
            Self::SlowDrip { .. } => "slow_drip",
            Self::DuplicateKeys => "duplicate_keys",
            Self::EucKr => "euc_kr",
            Self::CutLetter { .. } => "cut_letter",
            Self::RawLineEnd { .. } => "raw_line_end",
            Self::Bom => "bom",
            Self::Redirect => "redirect",
            Self::EmptyBody => "empty_body",
            Self::HugeBody { .. } => "huge_body",
            Self::Refuse { .. } => "refuse",
            Self::Random { .. } => "random",
        }
    }
}

/// A fault to arm.
///
/// ```
/// use kcp_sandbox::{Fault, FaultKind, Operation};
/// let fault = Fault::new(FaultKind::LoseAnswer).on(Operation::Approve).times(2).order("A-1");
/// let same: Fault = r#"{"fault":"lose_answer","on":"approve","times":2,
///                       "match":{"ordr_idxx":"A-1"}}"#.parse()?;
/// assert_eq!(fault, same);
/// # Ok::<_, kcp_sandbox::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// The operation it happens to.
    pub on: Operation,
    /// How many requests it still happens to.
    pub times: u32,
    /// Only requests of this order or transaction number.
    #[serde(rename = "match", skip_serializing_if = "Match::is_any")]
    pub matching: Match,
    /// Whether the books change although the fault happens.
    pub after_books: bool,
}

/// Which requests a fault waits for. A cancel or an inquiry is known by its `tno` and, through the
/// books, by the order number of that payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Match {
    /// Only this order number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordr_idxx: Option<String>,
    /// Only this transaction number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tno: Option<String>,
}

impl Match {
    fn is_any(&self) -> bool {
        self.ordr_idxx.is_none() && self.tno.is_none()
    }

    fn fits(&self, keys: &Keys<'_>) -> bool {
        let same = |wanted: &Option<String>, found| wanted.as_deref().is_none_or(|w| w == found);
        same(&self.ordr_idxx, keys.order) && same(&self.tno, keys.tno)
    }
}

impl Fault {
    /// A fault that happens to the next approval, once.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        let times = if matches!(kind, FaultKind::Random { .. }) {
            MAX_TIMES
        } else {
            1
        };
        let after_books = !matches!(kind, FaultKind::LoseRequest | FaultKind::Refuse { .. });
        Self {
            kind,
            on: Operation::Approve,
            times,
            matching: Match::default(),
            after_books,
        }
    }

    /// The same fault on another operation.
    #[must_use]
    pub fn on(mut self, on: Operation) -> Self {
        self.on = on;
        self
    }

    /// The same fault for the next `times` requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same fault for one order number alone.
    #[must_use]
    pub fn order(mut self, ordr_idxx: impl Into<String>) -> Self {
        self.matching.ordr_idxx = Some(ordr_idxx.into());
        self
    }

    /// The same fault for one transaction number alone.
    #[must_use]
    pub fn tno(mut self, tno: impl Into<String>) -> Self {
        self.matching.tno = Some(tno.into());
        self
    }

    /// Whether the books change although the fault happens. `LoseRequest` never changes them.
    #[must_use]
    pub fn after_books(mut self, after_books: bool) -> Self {
        self.after_books = after_books && self.kind != FaultKind::LoseRequest;
        self
    }

    /// Everything about this fault that a request to arm it may get wrong.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let range = |field, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                let rule = format!("must be {low} to {high}");
                Err(Error::new(field, rule, "give a number in that range"))
            }
        };
        range("times", self.times.into(), 1, MAX_TIMES.into())?;
        match &self.kind {
            FaultKind::LateAnswer {
                delay_ms,
                books_delay_ms,
            } => {
                range("delay_ms", *delay_ms, 0, 86_400_000)?;
                range("books_delay_ms", *books_delay_ms, 0, 86_400_000)
            }
            FaultKind::OthersTno { tno }
                if tno.len() != 14 || !tno.bytes().all(|b| b.is_ascii_digit()) =>
            {
                let remedy = "give the tno of a payment that is in the books";
                Err(Error::new("tno", "must be 14 digits", remedy))
            }
            FaultKind::SlowDrip { interval_ms } => range("interval_ms", *interval_ms, 0, 60_000),
            FaultKind::Http500 { status } => range("status", (*status).into(), 500, 599),
            FaultKind::HugeBody { bytes } => range("bytes", *bytes, 0, 1 << 30),
            FaultKind::Refuse { res_cd } if ResCd::parse(res_cd).is_none_or(|c| c == ResCd::OK) => {
                let rule = "must be four digits or capital letters, and not 0000";
                Err(Error::new(
                    "res_cd",
                    rule,
                    "give a result code, for example 8996",
                ))
            }
            FaultKind::Random { probability, .. } if !(0.0..=1.0).contains(probability) => {
                Err(Error::new(
                    "probability",
                    "must be 0 to 1",
                    "0.1 is every tenth request",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// What a request is known by when a fault is looked for.
pub(crate) struct Keys<'k> {
    pub(crate) order: &'k str,
    pub(crate) tno: &'k str,
}

/// The armed faults of one sandbox.
#[derive(Default)]
pub(crate) struct Armed {
    list: Mutex<Vec<Fault>>,
    /// Length of `list`: a request that meets no fault takes no lock.
    count: AtomicUsize,
    draws: Draws,
}

impl Armed {
    pub(crate) fn arm(&self, fault: Fault) -> Result<(), Error> {
        fault.check()?;
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() >= MAX_ARMED {
            let rule = format!("{MAX_ARMED} faults are armed already");
            return Err(Error::new(
                "fault",
                rule,
                "disarm with DELETE /faults first",
            ));
        }
        list.push(fault);
        self.count.store(list.len(), Ordering::Release);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// The first armed fault that fits, one of its times taken. A random one is drawn here.
    pub(crate) fn take(&self, on: Operation, keys: &Keys<'_>) -> Option<Fault> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |fault: &Fault| fault.on == on && fault.matching.fits(keys);
        let mut taken = None;
        for (at, fault) in list.iter_mut().enumerate().filter(|(_, fault)| fits(fault)) {
            taken = match fault.kind {
                FaultKind::Random { seed, probability } => {
                    let key = if keys.order.is_empty() {
                        keys.tno
                    } else {
                        keys.order
                    };
                    self.draws.draw(seed, probability, on, key)
                }
                _ => Some(fault.clone()),
            };
            if taken.is_some() {
                fault.times -= 1;
                if fault.times == 0 {
                    list.remove(at);
                }
                break;
            }
        }
        self.count.store(list.len(), Ordering::Release);
        taken
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.list
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, faults: Vec<Fault>) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        *list = faults;
        self.count.store(list.len(), Ordering::Release);
        self.draws.clear();
    }
}
