//! Many sandboxes in one process, and the life of one.

use kcp_sandbox::{Fault, FaultKind, Sandbox, StartError};

use crate::client::{Shop, exchange};

#[tokio::test]
async fn sixty_four_worlds_do_not_know_each_other() {
    let mut worlds = Vec::new();
    for _ in 0..64 {
        worlds.push(Sandbox::start().await.unwrap());
    }
    worlds[5]
        .fault(Fault::new(FaultKind::LoseAnswer).order("never"))
        .unwrap();
    worlds[7].set(|s| s.strict = true);
    worlds[9].advance(std::time::Duration::from_hours(24));
    for (n, world) in worlds.iter().enumerate() {
        let shop = Shop::of(world);
        for m in 0..=n % 3 {
            shop.approved(&format!("A-{m}")).await;
        }
    }
    for (n, world) in worlds.iter().enumerate() {
        assert_eq!(world.transaction_count(), n % 3 + 1);
        assert_eq!(world.faults().len(), usize::from(n == 5));
        assert_eq!(world.settings().strict, n == 7);
    }
    let urls: std::collections::HashSet<_> = worlds.iter().map(Sandbox::url).collect();
    assert_eq!(urls.len(), 64);
    worlds[3].reset();
    assert_eq!(worlds[3].transaction_count(), 0);
    assert_eq!(worlds[4].transaction_count(), 2);
}

#[tokio::test]
async fn stopping_and_dropping_close_the_ports() {
    for stop in [true, false] {
        let sandbox = Sandbox::start().await.unwrap();
        let (url, control) = (sandbox.url().to_owned(), sandbox.control_url().to_owned());
        Shop::of(&sandbox).approved("A").await;
        if stop {
            sandbox.stop().await;
        } else {
            drop(sandbox);
            // The tasks end at their next turn on this thread.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        for origin in [url, control] {
            let refused = exchange(&origin, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert!(refused.is_err(), "{origin} still answers");
        }
    }
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let sandbox = Sandbox::start().await.unwrap();
    let address = sandbox
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let error = Sandbox::builder()
        .listen(address)
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(error, StartError::Listen { address: at, .. } if at == address),
        "{error}"
    );
    assert!(error.to_string().contains(&address.to_string()));
}
