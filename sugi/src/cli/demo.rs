//! `sugi demo`: a sandbox, two shops, and every story that a payment can have, over real HTTP.

mod compare;
mod stories;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
};

use kcp_sandbox::{Credentials, Sandbox, TEST_SITE};
use serde_json::json;
use sugi_access::{NewOperator, Role};
use sugi_api::{Api, ApiKey, App, Limits};
use sugi_clock::Clock;
use sugi_core::Actor;
use sugi_engine::Engine;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::{
    cli::{Failure, serve},
    config::{self, Config, ContractConfig, MerchantConfig, Seconds, ShopConfig},
    print,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the service listens; a free port if not given
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Keep ledger and configuration here; otherwise they go with the demo
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Tell the stories, compare ledger and books, and end: exit 0 only if they agree
    #[arg(long)]
    once: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Who signs in at the pages: two, because some things take a second person.
const OPERATORS: [&str; 2] = ["demo", "demo2"];

/// The demo's parts.
pub(crate) struct Demo {
    pub(crate) sandbox: Sandbox,
    pub(crate) engine: Engine,
    app: App,
    password: Zeroizing<String>,
    pub(crate) key: String,
    /// What others sold under the same site code, by transaction number.
    pub(crate) strangers: Mutex<BTreeSet<String>>,
    pub(crate) json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let temporary = Temporary::unless(args.data.as_deref(), "demo")?;
    let dir = args.data.as_deref().unwrap_or(&temporary.dir);
    let listener = TcpListener::bind(args.listen).await?;
    let demo = open(dir, &args, listener.local_addr()?).await?;
    // Programs that want a service want it empty; they tell their own stories.
    if args.once || !args.json {
        stories::tell(&demo).await?;
        demo.engine.settle(std::time::Duration::from_secs(30)).await;
        let agree = compare::ledger_and_books(&demo).await?;
        if args.once {
            return if agree {
                Ok(())
            } else {
                Err(Failure::new("the ledger and the books differ"))
            };
        }
    }
    let url = format!("http://{}", listener.local_addr()?);
    if args.json {
        let sandbox = about(&demo.sandbox, dir);
        print::json(&json!({
            "url": url,
            "api_key": demo.key,
            "operator": { "name": OPERATORS[0], "password": &*demo.password },
            "sandbox": sandbox,
        }));
    } else {
        print::talk("");
        print::talk(&format!(
            "The pages:    {url}  as {} or {}, password {}",
            OPERATORS[0], OPERATORS[1], &*demo.password
        ));
        print::talk(&format!(
            "The API:      {url}/docs  with the API key {}",
            demo.key
        ));
        print::talk(&format!(
            "The sandbox:  {}  with its books, faults and test cards",
            demo.sandbox.control_url()
        ));
        print::talk("Press Ctrl-C to end.");
    }
    let key = ApiKey::new("demo".parse()?, &demo.key);
    let service = serve::Service {
        app: demo.app.clone(),
        listening: listener.into(),
        keys: vec![key],
        limits: Limits::default(),
        traces: None,
        watch_per_second: 2,
        buyer_days: None,
        mailer: None,
        checkpoint: None,
        control: None,
    };
    serve::serve(service, async |_: &Engine, _: &Api| {
        std::future::pending::<()>().await;
    })
    .await
}

/// A sandbox, and an engine whose shops are at it. Times are seconds, so that every story can be watched.
async fn open(dir: &Path, args: &Args, at: SocketAddr) -> Result<Demo, Failure> {
    let credentials = Credentials::read_or_generate(dir, TEST_SITE)?;
    let sandbox = Sandbox::builder()
        .order_lookup(true)
        .credentials(credentials)
        .start()
        .await?;
    let seconds = Seconds {
        connect: 1.0,
        answer: 2.0,
        uncertainty_window: 3.0,
        backoff: vec![0.0, 0.1, 0.3, 1.0],
        ..Seconds::default()
    };
    let shop = |contract| {
        let shop = ShopConfig::of_sandbox(&sandbox, Path::new("."), contract)?;
        Ok::<_, Failure>(ShopConfig {
            // Both are at the one sandbox.
            shares_site_code: true,
            seconds: seconds.clone(),
            merchant: MerchantConfig::of_demo(),
            ..shop
        })
    };
    let able = ContractConfig {
        order_lookup: true,
        ..ContractConfig::of_sandbox()
    };
    let shops = BTreeMap::from([
        ("main".parse()?, shop(able)?),
        ("no-lookup".parse()?, shop(ContractConfig::without_proof())?),
    ]);
    let path = dir.join("sugi.toml");
    config::write(&path, &Config::of_demo(shops))?;
    let config = Config::read(&path)?;
    let engine = Engine::new(config.store().await?, config.shops()?, Clock::real());
    engine.recover().await?;
    let app = App::new(
        engine.clone(),
        Clock::real(),
        config.access_rules_with_secret(at)?,
        config.line()?,
    );
    let access = &app.access;
    let password = Zeroizing::new(sugi_clock::new_secret()[..16].to_owned());
    for name in OPERATORS {
        let name: Actor = name.parse()?;
        // An earlier demo in the same folder had another password, which no one remembers.
        if access.operator(&name).await?.is_some() {
            access.set_password(&name, password.clone()).await?;
        } else {
            let new = NewOperator::new(name, Role::ALL, &password);
            access.add_operator(new).await?;
        }
    }
    Ok(Demo {
        sandbox,
        engine,
        app,
        password,
        key: sugi_clock::new_api_key(),
        strangers: Mutex::default(),
        json: args.json,
    })
}

fn about(sandbox: &Sandbox, dir: &Path) -> serde_json::Value {
    let ours = sandbox.credentials();
    json!({
        "url": sandbox.url(),
        "control": sandbox.control_url(),
        "site_cd": ours.site_cd,
        "cert": dir.join("splCert.pem"),
        "key": dir.join("splPrikeyPKCS8.pem"),
        "key_password": ours.key_password,
    })
}

/// A folder that goes when the command ends.
pub(crate) struct Temporary {
    pub(crate) dir: PathBuf,
}

impl Temporary {
    /// Makes one unless the user named a folder.
    pub(crate) fn unless(named: Option<&Path>, command: &str) -> Result<Self, Failure> {
        let dir = match named {
            Some(_) => PathBuf::new(),
            None => std::env::temp_dir()
                .join(format!("sugi-{command}-{}", sugi_clock::new_payment_id())),
        };
        for dir in named
            .into_iter()
            .chain(Some(dir.as_path()).filter(|dir| !dir.as_os_str().is_empty()))
        {
            std::fs::create_dir_all(dir)
                .map_err(|why| Failure::new(format!("{}: {why}", dir.display())))?;
        }
        Ok(Self { dir })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.dir.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
