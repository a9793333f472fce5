//! What shops may do with a site code of KCP's, and with each other's.

use std::collections::BTreeMap;

use sugi_core::ShopId;

use super::{ShopConfig, shop::OrderNumbersConfig};

/// Refuses shops that would take each other's sales for their own.
///
/// # Errors
/// The rule that they break, and what to do.
pub(super) fn check(shops: &BTreeMap<ShopId, ShopConfig>) -> Result<(), String> {
    for (id, shop) in shops {
        let bare = shop.contract.order_numbers == OrderNumbersConfig::Bare;
        if bare && shop.contract.order_lookup {
            return Err(format!(
                "shop {id}: order_numbers = \"bare\" and order_lookup = true cannot go together, because others may \
                 sell under a bare number, and what a look-up finds would be taken for this shop's; leave one of \
                 them out"
            ));
        }
        let others = shops.iter().filter(|(other, _)| *other > id);
        let same = others.filter(|(_, other)| other.site_cd == shop.site_cd);
        for (other, config) in same {
            if !(shop.shares_site_code && config.shares_site_code) {
                return Err(format!(
                    "shops {id} and {other} have the site code {} both, so KCP keeps them as one and an order number \
                     is good for one payment of both; set shares_site_code = true for both if that is meant, or \
                     correct one of them",
                    shop.site_cd
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn shop(id: &str, site_cd: &str, more: &str) -> String {
        format!(
            "[shop.{id}]\nsite_cd = \"{site_cd}\"\ngateway = \"http://127.0.0.1:8090\"\ncert = \"splCert.pem\"\n\
             key = \"splPrikeyPKCS8.pem\"\nkey_password = \"changeit\"\n{more}\n"
        )
    }

    fn why(shops: &[String]) -> Option<String> {
        let path = Path::new("/etc/sugi/sugi.toml");
        let read = Config::parse(&shops.concat(), path, std::iter::empty());
        read.err().map(|failure| format!("{failure:?}"))
    }

    #[test]
    fn one_site_code_is_one_shops_unless_it_is_meant() {
        let shares = "shares_site_code = true";
        assert_eq!(why(&[shop("a", "T0000", ""), shop("b", "T0007", "")]), None);
        assert_eq!(why(&[shop("a", "T0000", shares)]), None);
        let meant = [shop("a", "T0000", shares), shop("b", "T0000", shares)];
        assert_eq!(why(&meant), None);
        for [one, other] in [["", ""], [shares, ""], ["", shares]] {
            let shops = [shop("a", "T0000", one), shop("b", "T0000", other)];
            let why = why(&shops).expect("it is refused");
            for said in ["a and b", "T0000", "shares_site_code = true"] {
                assert!(why.contains(said), "{why}");
            }
        }
    }

    #[test]
    fn a_shop_with_bare_numbers_has_no_look_up() {
        let contract = |more: &str| [shop("a", "T0000", &format!("[shop.a.contract]\n{more}"))];
        assert_eq!(why(&contract("order_numbers = \"bare\"")), None);
        assert_eq!(
            why(&contract("order_numbers = \"marked\"\norder_lookup = true")),
            None
        );
        let both = why(&contract("order_numbers = \"bare\"\norder_lookup = true"));
        let both = both.expect("it is refused");
        for said in [
            "shop a",
            "order_numbers = \\\"bare\\\"",
            "order_lookup",
            "leave one",
        ] {
            assert!(both.contains(said), "{both}");
        }
        let other = why(&contract("order_numbers = \"mine\"")).expect("it is refused");
        assert!(
            other.contains("marked") && other.contains("bare"),
            "{other}"
        );
    }
}
