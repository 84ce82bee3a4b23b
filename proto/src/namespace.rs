//! Kinds of facts in the state, and of counters.

/// First byte of every key: what kind of fact it names.
///
/// Explicit and append-only: a number is never used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Namespace {
    /// One key per shard that is always present, so that absence of any other can be proven.
    Sentinel = 0x00,
    /// Parameters of the chain.
    Params = 0x01,
    /// Fees collected.
    FeePot = 0x02,
    /// Latest move to another version of the state machine.
    Upgrade = 0x03,
    /// Account by address.
    Account = 0x10,
    /// Fees set aside, by sponsor and account.
    Sponsorship = 0x11,
    /// Mandate by principal and account.
    Mandate = 0x12,
    /// Asset by id.
    Asset = 0x20,
    /// Supply and holder count of an asset.
    AssetTotals = 0x21,
    /// Asset id by SHA-256 of its name.
    AssetName = 0x22,
    /// Document by asset and number.
    Document = 0x23,
    /// Appraisal by asset and number.
    Appraisal = 0x24,
    /// Accredited appraiser by address.
    Appraiser = 0x25,
    /// Supply at a past record date by asset and record height.
    SupplyCopy = 0x26,
    /// Roles by asset and account.
    RoleGrants = 0x27,
    /// Head of the history by asset.
    HistoryHead = 0x28,
    /// Page of the history by asset and number.
    HistoryPage = 0x29,
    /// Attributes by asset.
    Attributes = 0x2a,
    /// Price by asset, currency and who stated it.
    Nav = 0x2b,
    /// Pending action by asset and SHA-256 of the operation.
    PendingAction = 0x2c,
    /// Holding by asset and account.
    Holding = 0x30,
    /// Balance at a past record date by asset, account and record height.
    HoldingCopy = 0x31,
    /// Allowance by asset and SHA-256 of owner and spender.
    Allowance = 0x32,
    /// Royalty schedule by asset.
    RoyaltySchedule = 0x40,
    /// Latest list of royalty recipients by asset.
    RoyaltyList = 0x41,
    /// Recipient by asset, number of list and account.
    RoyaltyRecipient = 0x42,
    /// What was paid to a list by asset, number of list and currency.
    RoyaltyReceipts = 0x43,
    /// What must be known of a list to remove it by asset and number of list.
    RoyaltyListFacts = 0x44,
    /// Record date by asset and number.
    Record = 0x48,
    /// Distribution by asset and number.
    Distribution = 0x49,
    /// What a distribution says of a holder by asset, number and account.
    HolderTerms = 0x4a,
    /// What a holder was paid of a distribution by asset, number and account.
    DistributionPayout = 0x4b,
    /// Schedule of coupons by asset and number.
    CouponSchedule = 0x4c,
    /// Proposal by asset and number.
    Proposal = 0x60,
    /// Tally by asset and number.
    Tally = 0x61,
    /// Vote by asset, number and account.
    Vote = 0x62,
    /// Identity by address of its first account.
    Identity = 0x70,
    /// Wallet by account.
    Wallet = 0x71,
    /// Claim by identity and SHA-256 of type, issuer and scope.
    Claim = 0x72,
    /// Issuer of claims by address.
    ClaimIssuer = 0x73,
    /// Rule set by asset.
    RuleSet = 0x74,
    /// Holder record by asset and identity.
    HolderRecord = 0x75,
    /// Holder counter by asset and bucket.
    HolderCounter = 0x76,
    /// Use of a wallet by account.
    WalletUse = 0x77,
    /// Encumbrances by asset and account.
    Encumbrances = 0x78,
    /// Rules of votes by asset.
    VotingRules = 0x63,
    /// Who votes for a holder, by asset and account.
    Delegation = 0x64,
    /// Grant by asset and number of its proposal.
    Grant = 0x65,
    /// Offer by asset, seller and number.
    Offer = 0x80,
    /// Last sale by asset and currency.
    LastSale = 0x81,
    /// Pool by asset.
    Pool = 0x90,
    /// Waterfall of tranches by asset.
    Waterfall = 0x91,
}

impl Namespace {
    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// What all keys of this kind begin with that are of an id, or of none where it is empty.
    #[must_use]
    pub fn prefix(self, id: &[u8]) -> Vec<u8> {
        [&[self.byte()], id].concat()
    }
}

/// Which identities a holder counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HolderBucket {
    /// All.
    All,
    /// Those with a claim of this type.
    ClaimType(u32),
    /// Those of this country.
    Country([u8; 2]),
}

impl HolderBucket {
    /// Bytes of a bucket in a key: its kind, then its value.
    pub const LENGTH: usize = 5;

    /// The bytes.
    #[must_use]
    pub fn to_key_bytes(self) -> [u8; Self::LENGTH] {
        match self {
            Self::All => [0; Self::LENGTH],
            Self::ClaimType(claim_type) => {
                let [a, b, c, d] = claim_type.to_be_bytes();
                [1, a, b, c, d]
            }
            Self::Country([a, b]) => [2, a, b, 0, 0],
        }
    }

    /// Reads the bytes; none when they are of no bucket.
    #[must_use]
    pub fn from_key_bytes(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [0, 0, 0, 0, 0] => Some(Self::All),
            [1, a, b, c, d] => Some(Self::ClaimType(u32::from_be_bytes([a, b, c, d]))),
            [2, a, b, 0, 0] => Some(Self::Country([a, b])),
            _ => None,
        }
    }
}
