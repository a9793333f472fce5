//! Two servers, one of which dies.

use std::sync::Arc;

use pg_for_tests::Server;
use sugi_store::{Store, StoreError};

use super::load::Told;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_refused() {
    let server = Server::start(&[]);
    let database = server.database();
    Store::connect(database.url()).await.unwrap();
    let standby = server.standby("s1");
    let name = database.url().rsplit_once('/').unwrap().1;
    let refused = Store::connect(standby.named(name).url()).await;
    let Err(StoreError::Failed { why }) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("standby"), "{why}");
    // With both addresses it finds the primary, whichever comes first.
    let both = format!("{},{}", standby.address(), server.address());
    Store::connect(&database.url().replace(server.address(), &both))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_primary() {
    let server = Server::start(&[]);
    let database = server.database();
    let standby = server.standby("s1");
    server
        .named("postgres")
        .sql("alter system set synchronous_standby_names = 's1'");
    server.named("postgres").sql("select pg_reload_conf()");
    let both = format!("{},{}", server.address(), standby.address());
    let url = database.url().replace(server.address(), &both);
    let store = Arc::new(Store::connect(&url).await.unwrap());

    let told = Arc::new(Told::default());
    let callers = told.begin(&store, 16);
    told.reach(2_000).await;
    server.kill();
    standby.promote();
    let before = told.count();
    told.reach(before + 1_000).await;
    told.stop();
    for caller in callers {
        caller.await.unwrap();
    }
    let (written, failed, unknown) = told.check(&store).await;
    println!("{written} written, {failed} failed, {unknown} unknown");
}
