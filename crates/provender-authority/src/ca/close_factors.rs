//! Moduli of RSA keys whose primes were chosen so close together that anybody finds them.
//!
//! Fermat's method: with a modulus `n = p·q` and `a = (p + q) / 2`, `a² - n` is a square; `a` is tried
//! from the root of `n` upwards. Whether `a² - n` is a square is told by its remainders alone: one that
//! is a square's for each of 77 primes belongs, but for a chance of 1 in 2^77, to a square.

/// How many steps of Fermat's method a modulus must withstand. Honest ones withstand more than 2^900.
const ROUNDS: u64 = 100;
/// The primes below this tell whether a number may be a square.
const PRIME_MAX: u64 = 400;

/// Whether the modulus, big-endian and odd, is the product of two numbers that are found by
/// [`ROUNDS`] steps.
pub(super) fn has_close_factors(modulus: &[u8]) -> bool {
    let root = square_root(modulus);
    let primes = (3..PRIME_MAX).filter(|number| (2..*number).all(|divisor| number % divisor != 0));
    let remainders: Vec<Remainders> =
        primes.map(|prime| Remainders::of(prime, modulus, &root)).collect();
    (0..=ROUNDS).any(|step| remainders.iter().all(|remainders| remainders.fit_a_square(step)))
}

/// What is left of the modulus and its root when they are divided by a prime.
struct Remainders {
    prime: u64,
    modulus: u64,
    root: u64,
}

impl Remainders {
    fn of(prime: u64, modulus: &[u8], root: &[u32]) -> Self {
        let modulus = modulus.iter().fold(0, |rest, byte| (rest * 256 + u64::from(*byte)) % prime);
        let root =
            root.iter().rev().fold(0, |rest, limb| ((rest << 32) + u64::from(*limb)) % prime);
        Self { prime, modulus, root }
    }

    /// Whether `(root + step)² - modulus` leaves what a square leaves.
    fn fit_a_square(&self, step: u64) -> bool {
        let a = self.root + step;
        let rest = (a * a + self.prime - self.modulus) % self.prime;
        (0..self.prime).any(|number| number * number % self.prime == rest)
    }
}

/// The whole part of the square root, in limbs of 32 bits, the lowest first: found bit by bit as on
/// paper. For numbers of at most some thousand bits.
fn square_root(number: &[u8]) -> Vec<u32> {
    let limbs = number.len() / 8 + 2; // half as long as the number, and what is shifted in
    let (mut root, mut rest) = (vec![0; limbs], vec![0; limbs]);
    let pairs =
        number.iter().flat_map(|byte| [6, 4, 2, 0].map(|shift| u32::from(byte >> shift & 3)));
    for pair in pairs {
        shift_in(&mut rest, 2, pair);
        let mut subtrahend = root.clone();
        shift_in(&mut subtrahend, 2, 1);
        let fits = rest.iter().rev().ge(subtrahend.iter().rev());
        if fits {
            subtract(&mut rest, &subtrahend);
        }
        shift_in(&mut root, 1, u32::from(fits));
    }
    root
}

/// Makes room for some bits at the low end, and puts these there.
fn shift_in(limbs: &mut [u32], count: u32, bits: u32) {
    let mut carry = bits;
    for limb in limbs {
        let high = *limb >> (u32::BITS - count);
        *limb = *limb << count | carry;
        carry = high;
    }
}

/// Subtracts what is not larger.
fn subtract(from: &mut [u32], subtrahend: &[u32]) {
    let mut borrow = false;
    for (limb, other) in from.iter_mut().zip(subtrahend) {
        let (difference, first) = limb.overflowing_sub(*other);
        let (difference, second) = difference.overflowing_sub(u32::from(borrow));
        *limb = difference;
        borrow = first || second;
    }
}

#[cfg(test)]
mod tests {
    use super::{has_close_factors, square_root};

    #[test]
    fn roots() {
        let check = |number: u128| {
            let root = square_root(&number.to_be_bytes());
            let root = root.iter().rev().fold(0, |root, limb| (root << 32) + u128::from(*limb));
            assert_eq!(root, number.isqrt(), "{number}");
        };
        for number in 0..1000 {
            check(number);
        }
        for bits in 10..127 {
            check(1 << bits);
            check((1 << bits) - 1);
        }
        check(u128::MAX);
        check(u128::from(u64::MAX) * u128::from(u64::MAX));
    }

    /// The method takes `distance² / (8 · root)` steps.
    #[test]
    fn factors_that_are_too_close() {
        let check = |distance: u128, expected: bool| {
            let factor = 1_000_000_000_000_000_003;
            let modulus: u128 = factor * (factor + distance);
            assert_eq!(has_close_factors(&modulus.to_be_bytes()), expected, "{distance}");
        };
        check(0, true);
        check(2, true);
        check(1_000_000, true);
        check(20_000_000_000, true);
        check(28_000_000_000, true);
        check(29_000_000_000, false);
        check(200_000_000_000, false);
        check(300_000_000_000_000_000, false);
    }
}
