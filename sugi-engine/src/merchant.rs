//! Who sells: what a slip says of a shop to a buyer, who has never heard its name in this installation.

/// A merchant, as far as it says who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merchant {
    /// Its trade name (상호).
    pub name: Option<String>,
    /// Its registration number (사업자등록번호), written `123-45-67890`.
    pub business_no: Option<String>,
    /// Who represents it (대표자).
    pub representative: Option<String>,
    /// Where it is.
    pub address: Option<String>,
    /// Where it is called.
    pub phone: Option<String>,
}
