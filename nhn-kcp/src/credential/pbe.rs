//! Opens an encrypted private key (`BEGIN ENCRYPTED PRIVATE KEY`).
//!
//! KCP does not say how it encrypts its keys; its published test key uses the key derivation of
//! PKCS#12 with triple DES, which the usual Rust crates do not know. Merchants also convert their keys
//! with OpenSSL of any age. So: the two PKCS#12 forms and the two PKCS#5 v1 forms here, everything of
//! PKCS#5 v2 (PBES2) by the `pkcs8` crate. Nothing here is fit for protecting anything new.

use cbc::Decryptor;
use cbc::cipher::KeyIvInit as _;
use cbc::cipher::block_padding::Pkcs7;
use md5::Md5;
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use super::CredentialError;
use super::der::{Der, tag};

type Secret = Zeroizing<Vec<u8>>;

/// No key needs more; a file that asks for more would only hold the process up.
const ITERATIONS_MAX: u64 = 10_000_000;
/// Likewise for scrypt: 256 MiB, sixteen times what OpenSSL asks for.
const SCRYPT_BYTES_MAX: u64 = 256 << 20;

const PKCS12_SHA1_3DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03];
const PKCS12_SHA1_2DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x04];
const PBES1_MD5_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x03];
const PBES1_SHA1_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0a];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const SCRYPT: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];

/// The PKCS#8 key inside. The caller checks that it is one: with the wrong password it is noise that
/// sometimes has right padding.
pub(super) fn decrypt(der: &[u8], password: &str) -> Result<Secret, CredentialError> {
    let (algorithm, mut parameters, data) = open(der).ok_or(CredentialError::KeyDamaged)?;
    match algorithm {
        PBES2 => {
            check_pbes2_cost(parameters)?;
            return pbes2(der, password);
        }
        PKCS12_SHA1_3DES | PKCS12_SHA1_2DES | PBES1_MD5_DES | PBES1_SHA1_DES => {}
        _ => return Err(CredentialError::KeyEncryptionUnsupported),
    }
    let (salt, rounds) = salt_and_rounds(&mut parameters).ok_or(CredentialError::KeyDamaged)?;
    if rounds > ITERATIONS_MAX {
        return Err(CredentialError::KeyTooCostly);
    }
    let password_12 = || bmp_string(password);
    match algorithm {
        PKCS12_SHA1_3DES => {
            let password = password_12();
            let key = pkcs12_kdf::<24>(&password, salt, rounds, 1);
            let iv = pkcs12_kdf::<8>(&password, salt, rounds, 2);
            unpad(
                Decryptor::<des::TdesEde3>::new((&*key).into(), (&*iv).into()),
                data,
            )
        }
        PKCS12_SHA1_2DES => {
            let password = password_12();
            let key = pkcs12_kdf::<16>(&password, salt, rounds, 1);
            let iv = pkcs12_kdf::<8>(&password, salt, rounds, 2);
            unpad(
                Decryptor::<des::TdesEde2>::new((&*key).into(), (&*iv).into()),
                data,
            )
        }
        hash => {
            let derived = if hash == PBES1_MD5_DES {
                pbkdf1::<Md5>(password, salt, rounds)
            } else {
                pbkdf1::<Sha1>(password, salt, rounds)
            };
            let (key, iv) = derived.split_at(8);
            match Decryptor::<des::Des>::new_from_slices(key, iv) {
                Ok(cipher) => unpad(cipher, data),
                Err(_) => Err(CredentialError::KeyDamaged),
            }
        }
    }
}

/// The algorithm, its parameters, and the encrypted octets of an `EncryptedPrivateKeyInfo`.
fn open(der: &[u8]) -> Option<(&[u8], Der<'_>, &[u8])> {
    let mut info = Der::whole_sequence(der)?;
    let mut algorithm = info.sequence()?;
    let oid = algorithm.expect(tag::OID)?;
    let parameters = algorithm.sequence()?;
    let data = info.expect(tag::OCTET_STRING)?;
    Some((oid, parameters, data))
}

fn salt_and_rounds<'a>(parameters: &mut Der<'a>) -> Option<(&'a [u8], u64)> {
    let salt = parameters
        .expect(tag::OCTET_STRING)
        .filter(|salt| !salt.is_empty())?;
    let rounds = parameters.small_integer().filter(|rounds| *rounds > 0)?;
    Some((salt, rounds))
}

fn check_pbes2_cost(parameters: Der<'_>) -> Result<(), CredentialError> {
    match is_cheap(parameters) {
        Some(true) => Ok(()),
        Some(false) => Err(CredentialError::KeyTooCostly),
        None => Err(CredentialError::KeyDamaged),
    }
}

fn is_cheap(mut parameters: Der<'_>) -> Option<bool> {
    let mut kdf = parameters.sequence()?;
    match kdf.expect(tag::OID)? {
        PBKDF2 => {
            let (_, rounds) = salt_and_rounds(&mut kdf.sequence()?)?;
            Some(rounds <= ITERATIONS_MAX)
        }
        SCRYPT => {
            let mut scrypt = kdf.sequence()?;
            scrypt.expect(tag::OCTET_STRING)?;
            let (n, r) = (scrypt.small_integer()?, scrypt.small_integer()?);
            let p = scrypt.small_integer()?;
            let bytes = n.checked_mul(r)?.checked_mul(128)?;
            Some(bytes <= SCRYPT_BYTES_MAX && p <= 16)
        }
        // Left to the crate to refuse.
        _ => Some(true),
    }
}

fn pbes2(der: &[u8], password: &str) -> Result<Secret, CredentialError> {
    let info = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|_| CredentialError::KeyEncryptionUnsupported)?;
    match info
        .encryption_algorithm
        .decrypt(password, info.encrypted_data.as_bytes())
    {
        Ok(key) => Ok(Zeroizing::new(key)),
        Err(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => {
            Err(CredentialError::KeyEncryptionUnsupported)
        }
        Err(_) => Err(CredentialError::WrongPassword),
    }
}

fn unpad(
    cipher: impl cbc::cipher::BlockModeDecrypt,
    data: &[u8],
) -> Result<Secret, CredentialError> {
    let mut buffer = Zeroizing::new(data.to_vec());
    let length = match cipher.decrypt_padded::<Pkcs7>(&mut buffer) {
        Ok(plain) => plain.len(),
        Err(_) => return Err(CredentialError::WrongPassword),
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// A password as PKCS#12 wants it: UTF-16, big end first, with a closing zero.
fn bmp_string(password: &str) -> Secret {
    let mut out = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
    for unit in password.encode_utf16().chain([0]) {
        out.extend_from_slice(&unit.to_be_bytes());
    }
    out
}

/// The key derivation of PKCS#12 (RFC 7292, appendix B.2) with SHA-1. `purpose` is 1 for a key and 2
/// for an initial vector; `N` bytes come out.
fn pkcs12_kdf<const N: usize>(
    password: &[u8],
    salt: &[u8],
    rounds: u64,
    purpose: u8,
) -> Zeroizing<[u8; N]> {
    const BLOCK: usize = 64;
    let fill = |text: &[u8]| -> Secret {
        let length = text.len().div_ceil(BLOCK) * BLOCK;
        Zeroizing::new(text.iter().copied().cycle().take(length).collect())
    };
    let (salt, password) = (fill(salt), fill(password));
    let mut input = Zeroizing::new([salt.as_slice(), password.as_slice()].concat());

    let mut out = Zeroizing::new([0; N]);
    for chunk in out.chunks_mut(20) {
        let mut hash = Sha1::new()
            .chain_update([purpose; BLOCK])
            .chain_update(&*input)
            .finalize();
        for _ in 1..rounds {
            hash = Sha1::digest(hash);
        }
        chunk.copy_from_slice(&hash[..chunk.len()]);
        // Every block of the input grows by the hash, read as a number, plus one.
        for block in input.chunks_mut(BLOCK) {
            let mut carry = 1;
            for (place, byte) in block.iter_mut().enumerate().rev() {
                let sum = u16::from(*byte) + u16::from(hash[place % 20]) + carry;
                *byte = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
        }
    }
    out
}

/// The key derivation of PKCS#5 v1 (RFC 8018, PBKDF1): 8 bytes of key, 8 of initial vector.
fn pbkdf1<H: sha1::Digest>(password: &str, salt: &[u8], rounds: u64) -> Zeroizing<[u8; 16]> {
    let mut hash = H::new()
        .chain_update(password)
        .chain_update(salt)
        .finalize();
    for _ in 1..rounds {
        hash = H::digest(&hash);
    }
    let mut out = Zeroizing::new([0; 16]);
    out.copy_from_slice(&hash[..16]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        element(tag::SEQUENCE, &parts.concat())
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    }

    fn container(oid: &[u8], salt: &[u8], rounds: &[u8]) -> Vec<u8> {
        let salt = element(tag::OCTET_STRING, salt);
        let rounds = element(tag::INTEGER, rounds);
        let algorithm = sequence(&[&element(tag::OID, oid), &sequence(&[&salt, &rounds])]);
        sequence(&[&algorithm, &element(tag::OCTET_STRING, &[0; 16])])
    }

    #[test]
    fn costs_and_salts_have_limits() {
        let error = |der: &[u8]| decrypt(der, "x").unwrap_err();
        let rounds_11m = [0x00, 0xa7, 0xd8, 0xc0];
        let salt = &[1; 8][..];
        assert_eq!(
            error(&container(PKCS12_SHA1_3DES, salt, &rounds_11m)),
            CredentialError::KeyTooCostly
        );
        for bad in [(&[][..], &[1][..]), (salt, &[0]), (salt, &[0x80])] {
            let der = container(PBES1_SHA1_DES, bad.0, bad.1);
            assert_eq!(error(&der), CredentialError::KeyDamaged);
        }
        let rc2 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x06];
        assert_eq!(
            error(&container(&rc2, salt, &[1])),
            CredentialError::KeyEncryptionUnsupported
        );
    }

    #[test]
    fn pbes2_costs_have_limits_too() {
        let kdf = |oid: &[u8], parameters: &[Vec<u8>]| {
            let kdf = sequence(&[&element(tag::OID, oid), &sequence(&[&parameters.concat()])]);
            let algorithm = sequence(&[&element(tag::OID, PBES2), &sequence(&[&kdf])]);
            sequence(&[&algorithm, &element(tag::OCTET_STRING, &[0; 16])])
        };
        let number = |bytes: &[u8]| element(tag::INTEGER, bytes);
        let salt = element(tag::OCTET_STRING, &[1; 8]);
        let pbkdf2 = kdf(PBKDF2, &[salt.clone(), number(&[0x00, 0xa7, 0xd8, 0xc0])]);
        assert_eq!(
            decrypt(&pbkdf2, "x").unwrap_err(),
            CredentialError::KeyTooCostly
        );
        let scrypt = kdf(
            SCRYPT,
            &[salt, number(&[0x40, 0, 0, 0]), number(&[8]), number(&[1])],
        );
        assert_eq!(
            decrypt(&scrypt, "x").unwrap_err(),
            CredentialError::KeyTooCostly
        );
    }

    #[test]
    fn pkcs12_kdf_gives_the_known_answer() {
        // Test vector of RFC 7292's algorithm as published with several implementations: password
        // "smeg", salt 0A58CF64530D823F, one round.
        let password = bmp_string("smeg");
        let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];
        let key = pkcs12_kdf::<24>(&password, &salt, 1, 1);
        let expected = [
            0x8a, 0xaa, 0xe6, 0x29, 0x7b, 0x6c, 0xb0, 0x46, 0x42, 0xab, 0x5b, 0x07, 0x78, 0x51,
            0x28, 0x4e, 0xb7, 0x12, 0x8f, 0x1a, 0x2a, 0x7f, 0xbc, 0xa3,
        ];
        assert_eq!(*key, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(decrypt(&bytes, "x").is_err());
        }
    }
}
