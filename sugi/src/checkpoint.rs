//! The audit's checkpoint, mailed once a day to the people who keep it where the database's owner cannot reach.

use jiff::{SignedDuration, Timestamp};
use sugi_access::Access;
use sugi_mail::{EmailMessage, Mailer};
use sugi_store::{AuditCheckpoint, DocumentKind, Store, StoreError};

use crate::{day, print};

/// When in a day in Korea it is done: after what is done at night.
const HOUR: i8 = 5;
/// How long to wait before each further try.
const BACKOFF_MINUTES: [i64; 4] = [1, 5, 30, 120];

/// A checkpoint with the moment and the installation that it is of: one line to keep.
pub(crate) fn line(checkpoint: AuditCheckpoint, at: Timestamp, installation: &str) -> String {
    format!("{checkpoint}  {}  {installation}", print::time(at))
}

/// Who mails it, to whom, and what this installation is called.
pub(crate) struct Post {
    pub(crate) mailer: Mailer,
    pub(crate) to: Vec<String>,
    pub(crate) installation: String,
}

impl Post {
    /// Mails it at the start, if it was not mailed this day, and then every day.
    pub(crate) async fn run(&self, access: &Access, store: &Store, stop: impl Future<Output = ()>) {
        let days = async {
            loop {
                self.mail(access, store).await;
                let clock = access.clock();
                clock.sleep_until(day::next(clock.now(), HOUR)).await;
            }
        };
        tokio::select! {
            () = days => {}
            () = stop => {}
        }
    }

    /// Mails this day's checkpoint, unless this node or another did.
    async fn mail(&self, access: &Access, store: &Store) {
        let day = day::today(access.clock().now()).to_string();
        let mut mine = false;
        let mut left = self.to.clone();
        for pause in [None].into_iter().chain(BACKOFF_MINUTES.map(Some)) {
            if let Some(minutes) = pause {
                access
                    .clock()
                    .sleep(SignedDuration::from_mins(minutes))
                    .await;
            }
            // Of several nodes, the one that writes this down mails it. A node that ends between the two
            // leaves a day out, and the next day's checkpoint holds everything before it just as well.
            if !mine {
                match store
                    .add_document(DocumentKind::AuditCheckpoint, &day, "", "")
                    .await
                {
                    Ok(true) => mine = true,
                    Ok(false) => return,
                    Err(why) => {
                        tracing::warn!(%why, "the day's checkpoint waits for the ledger");
                        continue;
                    }
                }
            }
            match self.email_message(access, store).await {
                Ok(email_message) => left = self.send(&email_message, left).await,
                Err(why) => tracing::warn!(%why, "the audit's end cannot be read"),
            }
            if left.is_empty() {
                return;
            }
        }
        tracing::error!(
            missing = left.len(),
            "the day's checkpoint was not mailed to all who keep it"
        );
    }

    async fn email_message(
        &self,
        access: &Access,
        store: &Store,
    ) -> Result<EmailMessage, StoreError> {
        // What was done a moment ago belongs to it.
        access.flush().await;
        let checkpoint = store.audit_checkpoint().await?;
        let line = line(checkpoint, access.clock().now(), &self.installation);
        let text = format!(
            "{line}\n\n\
             Keep this line where nobody who can write to the database can change it. It proves that the\n\
             audit was not changed or cut off before it:\n\n    sugi verify --checkpoint {checkpoint}\n\n\
             데이터베이스를 고칠 수 있는 사람이 손댈 수 없는 곳에 이 줄을 보관하십시오.\n\
             위의 명령이 그때까지의 감사 기록이 바뀌거나 잘려 나가지 않았음을 증명합니다.\n"
        );
        let subject = format!("sugi audit checkpoint {}", self.installation);
        Ok(EmailMessage::text("", subject, text))
    }

    /// Sends it to all of these; who is left is who did not get it for sure.
    async fn send(&self, email_message: &EmailMessage, to: Vec<String>) -> Vec<String> {
        let mut left = Vec::new();
        for to in to {
            let email_message = EmailMessage {
                to: to.clone(),
                ..email_message.clone()
            };
            if let Err(why) = self.mailer.send(email_message).await {
                // Twice is better than never: a checkpoint is no secret and moves nothing.
                tracing::warn!(%why, "a checkpoint was not mailed");
                left.push(to);
            }
        }
        left
    }
}

#[cfg(test)]
#[path = "../../sugi-mail/tests/it/post.rs"]
#[allow(dead_code, reason = "the tests of mail use all of it")]
mod post;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sugi_access::Rules;
    use sugi_clock::Clock;
    use sugi_mail::Server;
    use sugi_store::{AuditEntry, Store};

    use super::{
        post::{Mood, Post as PostOffice},
        *,
    };

    fn checkpoints(server: &PostOffice) -> Post {
        let mut by = Server::new("localhost", "sugi@example.com");
        by.port = Some(server.address.port());
        by.authority = Some(server.authority.clone().into_bytes());
        Post {
            mailer: Mailer::new(by).unwrap(),
            to: vec!["kim@example.com".into(), "lee@example.com".into()],
            installation: "desk:/ledger".into(),
        }
    }

    fn ledger(dir: &tempfile::TempDir, clock: &Clock) -> (Arc<Store>, Access) {
        let store = Arc::new(Store::open(dir.path()).unwrap());
        let access = Access::new(store.clone(), clock.clone(), Rules::default());
        (store, access)
    }

    #[tokio::test]
    async fn each_day_one_checkpoint_that_holds_goes_to_all_who_keep_it() {
        let server = PostOffice::open(Mood::Good).await;
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-26T00:00:00Z".parse().unwrap());
        let (store, access) = ledger(&dir, &clock);
        let post = checkpoints(&server);
        access
            .note(AuditEntry {
                at: clock.now(),
                actor: "operator:kim".into(),
                action: "sign in".into(),
                subject: String::new(),
                outcome: "200".into(),
                origin: "-".into(),
            })
            .await;
        // Twice in a day, by whichever node, is once.
        post.mail(&access, &store).await;
        post.mail(&access, &store).await;
        assert_eq!(server.email_messages().len(), 2);
        let checkpoint = store.audit_checkpoint().await.unwrap();
        assert_eq!(checkpoint.seq, 1);
        for email_message in server.email_messages() {
            let first = line(checkpoint, clock.now(), "desk:/ledger");
            assert!(
                text(&email_message.body).contains(&first),
                "{}",
                email_message.body
            );
        }
        clock.advance(SignedDuration::from_hours(24));
        post.mail(&access, &store).await;
        assert_eq!(server.email_messages().len(), 4);
    }

    #[tokio::test]
    async fn a_server_that_does_not_take_it_is_asked_again_and_not_for_ever() {
        let server = PostOffice::open(Mood::HangsUp).await;
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-26T00:00:00Z".parse().unwrap());
        let (store, access) = ledger(&dir, &clock);
        let post = checkpoints(&server);
        let time_goes_by = async {
            loop {
                clock.advance(SignedDuration::from_mins(1));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = post.mail(&access, &store) => {}
            () = time_goes_by => {}
        }
        assert_eq!(
            server.email_messages().len(),
            2 * (1 + BACKOFF_MINUTES.len())
        );
    }

    /// A letter's text, however it was packed for the way.
    fn text(body: &str) -> String {
        use base64::Engine as _;
        let (_, packed) = body.split_once("\r\n\r\n").unwrap();
        let packed: String = packed.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
        String::from_utf8(bytes.unwrap()).unwrap()
    }
}
