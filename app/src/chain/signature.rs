//! Ed25519 signatures by the rule of ZIP-215, many at once.
//!
//! A batch is valid if a random combination of the verification equations of its signatures
//! holds, multiplied by the cofactor (section "Batch verification" of the Ed25519 paper,
//! Bernstein and others, 2012, and ZIP-215). The points of keys that were seen before are kept, for
//! finding one is a good part of the work.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity as _, VartimeMultiscalarMul as _};
use getrandom::SysRng;
use getrandom::rand_core::{Rng as _, UnwrapErr};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha512};

/// Points of public keys that are kept.
const KEY_CACHE_ENTRIES: usize = 262_144;

/// Points of public keys by their encoding.
pub struct KeyCache {
    points: Cache<[u8; 32], EdwardsPoint>,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self { points: Cache::new(KEY_CACHE_ENTRIES) }
    }
}

impl KeyCache {
    /// The point of a public key; none when the bytes are not those of a point.
    fn point(&self, key: &[u8; 32]) -> Option<EdwardsPoint> {
        if let Some(point) = self.points.get(key) {
            return Some(point);
        }
        let point = CompressedEdwardsY(*key).decompress()?;
        self.points.insert(*key, point);
        Some(point)
    }
}

/// A signature to be verified.
#[derive(Clone)]
pub struct Signed {
    key: EdwardsPoint,
    /// The commitment R, as encoded.
    commitment: CompressedEdwardsY,
    /// The response s.
    response: Scalar,
    /// The challenge: SHA-512 of commitment, key and message.
    challenge: Scalar,
}

impl Signed {
    /// Prepares a signature of a message; none when the key is not a point or the response is not
    /// a reduced scalar, so that no message is signed.
    #[must_use]
    pub fn new(
        keys: &KeyCache,
        key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
    ) -> Option<Self> {
        let (commitment, response) = signature.split_first_chunk::<32>()?;
        let response = Scalar::from_canonical_bytes(response.try_into().ok()?).into_option()?;
        let challenge = Sha512::new()
            .chain_update(commitment)
            .chain_update(key)
            .chain_update(message)
            .finalize();
        Some(Self {
            key: keys.point(key)?,
            commitment: CompressedEdwardsY(*commitment),
            response,
            challenge: Scalar::from_bytes_mod_order_wide(&challenge.into()),
        })
    }
}

/// Whether all signatures are valid; for a single one, whether it is.
///
/// # Determinism
/// The random numbers are local and decide nothing: invalid signatures pass with a chance of
/// about 2^-128.
#[must_use]
pub fn all_valid(signed: &[Signed]) -> bool {
    let count = signed.len();
    let mut random = vec![0; count.saturating_mul(16)];
    UnwrapErr(SysRng).fill_bytes(&mut random);
    let (random, _) = random.as_chunks::<16>();
    let commitments: Option<Vec<EdwardsPoint>> =
        signed.iter().map(|signed| signed.commitment.decompress()).collect();
    let Some(commitments) = commitments else { return false };
    let (scalars, base) = combine(signed, random);
    let points = signed.iter().map(|signed| &signed.key).chain(&commitments);
    let sum = EdwardsPoint::vartime_multiscalar_mul(
        scalars.iter().chain([&base]),
        points.chain([&ED25519_BASEPOINT_POINT]),
    );
    sum.mul_by_cofactor().is_identity()
}

/// Coefficients of the keys, then of the commitments; and the one of the base point.
#[expect(clippy::arithmetic_side_effects, reason = "scalars are a field")]
fn combine(signed: &[Signed], random: &[[u8; 16]]) -> (Vec<Scalar>, Scalar) {
    let weights: Vec<Scalar> =
        random.iter().map(|bytes| Scalar::from(u128::from_le_bytes(*bytes))).collect();
    let mut base = Scalar::ZERO;
    let mut scalars = Vec::with_capacity(signed.len().saturating_mul(2));
    for (signed, weight) in signed.iter().zip(&weights) {
        base -= weight * signed.response;
        scalars.push(weight * signed.challenge);
    }
    scalars.extend(weights);
    (scalars, base)
}
