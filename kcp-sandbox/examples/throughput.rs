//! How many approvals a second one sandbox sustains, load generator included.
//!
//! `cargo run --release -p kcp-sandbox --example throughput [SECONDS [CONNECTIONS]]`
#![allow(
    clippy::print_stdout,
    reason = "its whole purpose is the line it prints"
)]

use std::error::Error;
use std::time::Duration;

use kcp_sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(3), |text| text.parse())?;
    let connections: usize = args.next().map_or(Ok(64), |text| text.parse())?;
    let started = Instant::now();
    let sandbox = Sandbox::start().await?;
    println!(
        "started in {:?}, the process's first key included",
        started.elapsed()
    );
    let started = Instant::now();
    Sandbox::start().await?.stop().await;
    println!(
        "a second one started and stopped in {:?}",
        started.elapsed()
    );
    let address = sandbox.url().trim_start_matches("http://").to_owned();
    let cert_info = sandbox.credentials().cert_info();
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut load = tokio::task::JoinSet::new();
    for caller in 0..connections {
        load.spawn(call(address.clone(), cert_info.clone(), caller, until));
    }
    let started = Instant::now();
    let mut answered = 0_u64;
    while let Some(count) = load.join_next().await {
        answered += count??;
    }
    let took = started.elapsed();
    let booked = sandbox.transaction_count();
    println!(
        "{answered} approvals answered, {booked} booked, {} a second over {connections} connections",
        u128::from(answered) * 1_000 / took.as_millis().max(1)
    );
    let started = Instant::now();
    sandbox.reset();
    println!("reset in {:?}", started.elapsed());
    Ok(())
}

/// One caller: request, answer, request. Gives how many were approved.
async fn call(
    address: String,
    cert_info: String,
    caller: usize,
    until: Instant,
) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut answer = Vec::with_capacity(4_096);
    let mut count = 0;
    while Instant::now() < until {
        let body = format!(
            "{{\"site_cd\":\"T0000\",\"kcp_cert_info\":\"{cert_info}\",\"pay_method\":\"CARD\",\
             \"cust_ip\":\"\",\"amount\":\"1004\",\"card_mny\":\"1004\",\"currency\":\"410\",\
             \"quota\":\"00\",\"ordr_idxx\":\"L-{caller}-{count}\",\"good_name\":\"테스트 상품\",\
             \"buyr_name\":\"홍길동\",\"buyr_mail\":\"test@kcp.co.kr\",\
             \"buyr_tel2\":\"01000000000\",\"card_tx_type\":\"11121000\",\
             \"card_no\":\"4111111111111111\",\"card_expiry\":\"9912\",\
             \"card_taxno\":\"951010\",\"card_pwd\":\"00\"}}"
        );
        let request = format!(
            "POST /gw/hub/v1/payment HTTP/1.1\r\nHost: k\r\n\
             Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        // The answer is one flat object and ends with its brace.
        while answer.last() != Some(&b'}') {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        if !answer
            .windows(15)
            .any(|part| part == b"\"res_cd\":\"0000\"")
        {
            return Err(std::io::Error::other("not approved"));
        }
        count += 1;
    }
    Ok(count)
}
