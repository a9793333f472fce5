//! Callers: each on a connection of its own, asking again as soon as it was answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::wire::read;
use crate::cli::Failure;

/// How often it is looked whether a stretch is over.
const LOOK: Duration = Duration::from_millis(1);

/// Who asks whom.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    pub(super) callers: usize,
    /// A word that no other load of this ledger uses: order numbers begin with it.
    pub(super) word: String,
}

/// How long something goes on: until so much time has passed, or so many payments are answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) time: Duration,
    pub(super) payments: u64,
}

/// What the callers saw between two moments.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) payments: u64,
    pub(super) took: Duration,
    /// From request to answer, sorted.
    pub(super) latencies: Vec<Duration>,
    /// Payments of the whole load, those before and after the stretch too.
    pub(super) all: u64,
}

struct Shared {
    asked: AtomicU64,
    answered: AtomicU64,
    stop: AtomicBool,
}

/// When a caller was answered, and how long it had waited.
type Answer = (Instant, Duration);

impl Load {
    /// Lets all callers run, and watches a stretch of that once they are warm. `mark` is called at
    /// its beginning and at its end.
    pub(super) async fn run(
        &self,
        warm: Stretch,
        watched: Stretch,
        mut mark: impl FnMut(),
    ) -> Result<Seen, Failure> {
        let shared = Arc::new(Shared {
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let mut callers = JoinSet::new();
        for _ in 0..self.callers {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let (key, word) = (self.key.clone(), self.word.clone());
            callers.spawn(call(stream, key, word, Arc::clone(&shared)));
        }
        shared.last(warm, &callers).await;
        mark();
        let begin = Instant::now();
        shared.last(watched, &callers).await;
        let end = Instant::now();
        mark();
        shared.stop.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        while let Some(caller) = callers.join_next().await {
            answers.extend(caller??);
        }
        let (all, watched) = (answers.len() as u64, begin..=end);
        answers.retain(|(at, _)| watched.contains(at));
        let mut latencies: Vec<_> = answers.into_iter().map(|(_, waited)| waited).collect();
        latencies.sort_unstable();
        Ok(Seen {
            payments: latencies.len() as u64,
            took: end - begin,
            latencies,
            all,
        })
    }
}

impl Seen {
    /// The time in which this share of the payments was answered.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index between 0 and the last"
        )]
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

impl Shared {
    /// Waits for the end of a stretch, or until callers give up.
    async fn last(&self, stretch: Stretch, callers: &JoinSet<Result<Vec<Answer>, Failure>>) {
        let until = Instant::now() + stretch.time;
        let enough = self
            .answered
            .load(Ordering::Relaxed)
            .saturating_add(stretch.payments);
        while Instant::now() < until
            && self.answered.load(Ordering::Relaxed) < enough
            && !callers.is_empty()
            && !self.stop.load(Ordering::Relaxed)
        {
            sleep(LOOK).await;
        }
    }
}

/// One caller's life. If it fails, all end.
async fn call(
    mut stream: TcpStream,
    key: String,
    word: String,
    shared: Arc<Shared>,
) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::new();
    let (mut request, mut answer) = (String::new(), Vec::with_capacity(4_096));
    while !shared.stop.load(Ordering::Relaxed) {
        let n = shared.asked.fetch_add(1, Ordering::Relaxed);
        write(&mut request, &key, &word, n);
        let asked_at = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let heard = read(&mut stream, &mut answer).await?.map(|found| found.end);
        let now = Instant::now();
        if !approved(&answer) {
            shared.stop.store(true, Ordering::Relaxed);
            let said = String::from_utf8_lossy(&answer).into_owned();
            return Err(Failure::new(format!("a payment was not approved: {said}")));
        }
        answer.drain(..heard.unwrap_or_default());
        answers.push((now, now - asked_at));
        shared.answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(answers)
}

/// The order numbers go up, as those of a shop do; the idempotency keys are all over the place, as those
/// of careful callers are.
fn write(request: &mut String, key: &str, word: &str, n: u64) {
    use std::fmt::Write as _;
    const PRODUCT: &str = "테스트 상품";
    /// An odd number scatters all others without bringing two together.
    const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
    let (order, key_of_request) = (
        format!("{word}p{n:08}"),
        email_messages(n.wrapping_mul(SCATTER)),
    );
    let body = format!(
        "{{\"shop\":\"main\",\"order_no\":\"{order}\",\"amount\":1004,\"currency\":\"KRW\",\"product\":\"{PRODUCT}\",\
         \"buyer\":{{\"name\":\"홍길동\",\"email\":\"test@kcp.co.kr\",\"phone\":\"01000000000\"}},\
         \"card\":{{\"number\":\"4111111111111111\",\"expiry\":\"2030-12\",\
         \"holder_proof\":{{\"birth_or_business_no\":\"951010\",\"password_prefix\":\"00\"}}}},\
         \"installment_months\":0}}"
    );
    request.clear();
    let _ = write!(
        request,
        "POST /v1/payments HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
         Idempotency-Key: {key_of_request}-{word}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

/// A number in sixteen emails: a run of digits could look like a card number.
fn email_messages(number: u64) -> String {
    let email_message = |place: u32| char::from(b'a' + ((number >> (4 * place)) & 15) as u8);
    (0..16).map(email_message).collect()
}

fn approved(answer: &[u8]) -> bool {
    let state = b"\"state\":\"approved\"";
    answer.starts_with(b"HTTP/1.1 201 ") && answer.windows(state.len()).any(|at| at == state)
}
