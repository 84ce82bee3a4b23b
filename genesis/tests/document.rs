//! The genesis document as a user meets it: text in, a document or every error out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tessera_genesis::{Account, Genesis, GenesisErrors, StateFile, Validator, dev};
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;

const DEV_PRESET: &str = include_str!("../presets/dev.json");

fn dev_genesis() -> Genesis {
    let name = "validator-1".to_owned();
    let public_key = dev::public_key(&name);
    let validator = Validator { name, public_key, power: 10 };
    Genesis::dev("tessera-dev", "2026-11-21T12:00:00Z", vec![validator])
}

/// The development document with a proposed and an active asset, as JSON to be changed.
fn example() -> Value {
    let mut document = serde_json::to_value(dev_genesis()).unwrap();
    let asset = |name: &str, status: &str, holdings: Value| {
        json!({
            "name": name, "title": "Gold bar", "class": "commodity",
            "issuer": dev::address("issuer"), "salt": hex::encode(name),
            "decimals": 0, "max_supply": "100", "status": status,
            "documents": [{ "name": "Assay", "uri": "https://example.org/assay.pdf",
                "sha256": "ab".repeat(32) }],
            "holdings": holdings,
        })
    };
    let alice = json!([{ "account": dev::address("alice"), "balance": "60" }]);
    let assets = document["assets"].as_array_mut().unwrap();
    assets.push(asset("gold-bar", "active", alice));
    assets.push(asset("villa-ardeche", "proposed", json!([])));
    document
}

fn read(document: &Value) -> Result<Genesis, GenesisErrors> {
    Genesis::from_json(&serde_json::to_string_pretty(document).unwrap())
}

/// Sets the value at a JSON pointer, adding its last step where it is missing.
fn set(document: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
        return;
    }
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) => items.push(value),
        parent => parent[name] = value,
    }
}

fn remove(document: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
}

fn path_of(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{step}"),
    });
    format!("${}", steps.collect::<String>())
}

/// Asserts that each change alone gives one error, at its own path unless one is stated.
fn assert_each_refused(rows: Vec<(&str, Value, Option<&str>, &str)>) {
    for (pointer, value, path, message) in rows {
        let mut document = example();
        set(&mut document, pointer, value.clone());
        let errors = read(&document).expect_err(&format!("{pointer} = {value}"));
        let expected = (path.map_or_else(|| path_of(pointer), str::to_owned), message.to_owned());
        let found: Vec<_> =
            errors.errors().iter().map(|one| (one.path.clone(), one.message.clone())).collect();
        assert_eq!(found, [expected], "{pointer} = {value}");
    }
}

#[test]
fn the_preset_is_the_development_chain() {
    let genesis = dev_genesis();
    assert_eq!(genesis.to_json(), DEV_PRESET);
    assert_eq!(
        hex::encode(genesis.hash()),
        "6234fbf6bf3343547a3cf699d36b9334ab7eec0c37af1a6467c57bd675ec1660"
    );
    assert_eq!(dev::address("alice").to_string(), "tsr1are8tfaa67dh657juf3pqnr8l80lf3h3422g0w");
}

#[test]
fn documents_round_trip() {
    for genesis in [dev_genesis(), read(&example()).unwrap()] {
        assert_eq!(genesis.validate(), Ok(()));
        assert_eq!(Genesis::from_json(&genesis.to_json()), Ok(genesis));
    }
}

#[test]
fn the_hash_is_of_what_is_said_not_of_how() {
    let genesis = dev_genesis();
    let other_spelling = DEV_PRESET
        .replace(['\n', ' '], "")
        .replace("Developmentdollar", "Development \\u0064ollar")
        .replace("DevelopmentAppraisals", "Development Appraisals")
        .replace(&hex::encode("usdx"), &hex::encode_upper("usdx"));
    assert_eq!(Genesis::from_json(&other_spelling).unwrap().hash(), genesis.hash());
    let mut changed = genesis.clone();
    changed.params.fee_per_byte += 1;
    assert_ne!(changed.hash(), genesis.hash());
}

#[test]
fn accounts_and_validators_can_be_added() {
    let mut genesis = dev_genesis();
    let address = dev::address("erin");
    genesis
        .add_account(Account { address, name: Some("erin".to_owned()), ..Account::default() })
        .add_validator(Validator {
            name: "validator-2".to_owned(),
            public_key: dev::public_key("validator-2"),
            power: 10,
        });
    assert_eq!(genesis.validate(), Ok(()));
    assert_eq!(genesis.fee_credit_total(), Some(Amount::from_u64(6_000_000_000)));
    assert_eq!(
        genesis.fee_currency().unwrap().held_total(),
        Some(Amount::from_u64(1_250_000_000_000))
    );

    genesis.add_account(Account { address, ..Account::default() });
    let errors = genesis.validate().unwrap_err();
    assert_eq!(
        errors.to_string(),
        format!(
            "1 error in the genesis document\n  $.accounts[7].address: address `{address}` stands \
             at $.accounts[6].address too, each needs its own"
        )
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    assert_each_refused(vec![
        ("/chain_id", json!(7), None, "expected a text in quotes, found the number 7"),
        ("/chain_id", Value::Null, None, "expected a text in quotes, found `null`"),
        ("/params", json!([1]), None, "expected an object in braces, found a list"),
        ("/accounts", json!({}), None, "expected a list in square brackets, found an object"),
        ("/accounts/1", json!("x"), None, "expected an object in braces, found the text \"x\""),
        ("/accounts/0/name", json!(true), None, "expected a text in quotes, found `true`"),
        ("/accounts/0/fee_credit", json!(5), None, "expected a text in quotes, found the number 5"),
        (
            "/params/fee_per_byte",
            json!("20"),
            None,
            "expected a number without quotes, found the text \"20\"",
        ),
        (
            "/params/fee_per_byte",
            json!(-1),
            None,
            "`-1` is not a whole number from 0 to 18446744073709551615",
        ),
        (
            "/validators/0/power",
            json!(1.5),
            None,
            "`1.5` is not a whole number from 0 to 18446744073709551615",
        ),
    ]);
}

#[test]
fn missing_and_unknown_fields_are_refused() {
    for pointer in [
        "/chain_id",
        "/genesis_time",
        "/params/fee_currency",
        "/params/fee_per_transaction",
        "/params/fee_per_operation",
        "/params/fee_per_byte",
        "/params/max_validity_blocks",
        "/accounts/0/address",
        "/accounts/0/fee_credit",
        "/assets/1/name",
        "/assets/1/title",
        "/assets/1/class",
        "/assets/1/issuer",
        "/assets/1/salt",
        "/assets/1/decimals",
        "/assets/1/max_supply",
        "/assets/1/status",
        "/assets/1/documents/0/name",
        "/assets/1/documents/0/uri",
        "/assets/1/documents/0/sha256",
        "/assets/1/holdings/0/account",
        "/assets/1/holdings/0/balance",
        "/appraisers/0/address",
        "/appraisers/0/name",
        "/validators/0/name",
        "/validators/0/public_key",
        "/validators/0/power",
    ] {
        let mut document = example();
        remove(&mut document, pointer);
        let errors = read(&document).expect_err(pointer);
        let [error] = errors.errors() else { panic!("{pointer}: {errors}") };
        assert_eq!(error.path, path_of(pointer));
        assert!(error.message.ends_with("is missing, add it"), "{}", error.message);
    }
    assert_each_refused(vec![
        ("/assets/1/titel", json!(1), None, "unknown field `titel`, did you mean `title`?"),
        (
            "/validators/0/x\u{1b}",
            json!([]),
            Some("$.validators[0].x\\u{1b}"),
            "unknown field `x\\u{1b}`, remove it; known here: name, public_key, power",
        ),
    ]);
    let twice = DEV_PRESET.replacen("\"power\": 10", "\"power\": 10,\n \"power\": 11", 1);
    let errors = Genesis::from_json(&twice).unwrap_err();
    assert_eq!(errors.errors().len(), 1);
    assert!(errors.to_string().contains("the field `power` stands more than once here, keep one"));
}

#[test]
fn lists_may_be_left_out_where_they_may_be_empty() {
    let mut document = example();
    for pointer in ["/accounts", "/appraisers", "/assets/1/documents", "/assets/2/holdings"] {
        remove(&mut document, pointer);
    }
    assert!(read(&document).unwrap().accounts.is_empty());
}

#[test]
fn texts_are_checked() {
    let long = "x".repeat(101);
    let cut = "x".repeat(80);
    assert_each_refused(vec![
        (
            "/chain_id",
            json!("My chain"),
            None,
            "chain id `My chain` has the character `M`, use only a-z, 0-9 and hyphens",
        ),
        ("/chain_id", json!("ab"), None, "chain id `ab` has 2 characters, choose 3 to 50"),
        (
            "/assets/1/name",
            json!("Gold"),
            None,
            "name `Gold` has the character `G`, use only a-z, 0-9 and hyphens",
        ),
        ("/assets/1/title", json!(""), None, "`` has 0 characters, choose 1 to 100"),
        (
            "/accounts/0/name",
            json!(long),
            None,
            &format!("`{cut}…` has 101 characters, choose 1 to 100"),
        ),
        (
            "/appraisers/0/name",
            json!("a\nb"),
            None,
            "`a\\nb` has control characters or begins or ends with a space, remove them",
        ),
        (
            "/assets/1/documents/0/uri",
            json!("my file.pdf"),
            None,
            "the address `my file.pdf` has spaces, write them as %20",
        ),
        (
            "/assets/1/documents/0/uri",
            json!(""),
            None,
            "the address `` has 0 characters, choose 1 to 2048",
        ),
        (
            "/assets/1/class",
            json!("comodity"),
            None,
            "`comodity` is not known here, did you mean `commodity`?",
        ),
        (
            "/assets/1/status",
            json!("unspecified"),
            None,
            "`unspecified` is not known here, choose one of proposed, active, finalized, \
             suspended, cancelled, retired",
        ),
    ]);
}

#[test]
fn times_are_checked() {
    for time in ["1970-01-01T00:00:00Z", "2028-02-29T23:59:59.123456789Z"] {
        let mut document = example();
        set(&mut document, "/genesis_time", json!(time));
        assert_eq!(read(&document).unwrap().genesis_time, time);
    }
    for time in [
        "",
        "2026-11-21",
        "2026-11-21 12:00:00Z",
        "2026-11-21T12:00:00",
        "2026-11-21T12:00:00+01:00",
        "2026-11-21T12:00:00.Z",
        "2026-11-21T12:00:00.1234567890Z",
        "2026-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-04-00T12:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:60:00Z",
        "2026-11-21T12:00:60Z",
        "1969-12-31T23:59:59Z",
        "+026-11-21T12:00:00Z",
        "2026-11-21T12:00:0é",
    ] {
        let message =
            format!("`{time}` is not a UTC time since 1970, write it like `2026-11-21T12:00:00Z`");
        assert_each_refused(vec![("/genesis_time", json!(time), None, &message)]);
    }
}

#[test]
fn numbers_and_amounts_are_checked() {
    let too_large = u128::MAX.to_string();
    assert_each_refused(vec![
        (
            "/params/max_validity_blocks",
            json!(0),
            None,
            "`0` is too little here, at least 1 is needed",
        ),
        ("/assets/1/decimals", json!(19), None, "19 decimals are too many, choose 0 to 18"),
        (
            "/assets/1/decimals",
            json!(4_294_967_296_u64),
            None,
            "4294967296 decimals are too many, choose 0 to 18",
        ),
        (
            "/assets/2/max_supply",
            json!("0"),
            None,
            "`0` is too little here, at least 1 base unit is needed",
        ),
        (
            "/assets/1/holdings/0/balance",
            json!("0"),
            None,
            "`0` is too little here, at least 1 base unit is needed",
        ),
        (
            "/assets/1/holdings/0/balance",
            json!("1.5"),
            None,
            "`1.5` is not an amount: expected a whole number of base units like 1500",
        ),
        (
            "/accounts/0/fee_credit",
            json!(too_large),
            None,
            &format!("`{too_large}` is more than the largest amount, {}", Amount::MAX),
        ),
        ("/validators/0/power", json!(0), None, "`0` is too little here, at least 1 is needed"),
        (
            "/validators/0/power",
            json!(i64::MAX),
            None,
            "power 9223372036854775807 is more than CometBFT's limit of 1152921504606846975",
        ),
    ]);
}

#[test]
fn addresses_hashes_and_keys_are_checked() {
    let asset = read(&example()).unwrap().assets[1].id();
    let other_key = hex::encode(dev::public_key("bob"));
    let (alice, bob) = (dev::address("alice"), dev::address("bob"));
    assert_each_refused(vec![
        (
            "/accounts/0/address",
            json!("tsr1nonsense"),
            None,
            "`tsr1nonsense` is not a valid tsr… identifier: a character is wrong or missing; \
             copy the address again",
        ),
        (
            "/assets/1/issuer",
            json!(asset),
            None,
            &format!(
                "`{asset}` begins with `asset`, expected an identifier that begins with `tsr`; \
                 copy the address again"
            ),
        ),
        (
            "/assets/1/salt",
            json!("0g"),
            None,
            "`0g` has the character `g`, use hexadecimal digits only",
        ),
        (
            "/assets/1/salt",
            json!("012"),
            None,
            "`012` has an odd number of digits, two make a byte",
        ),
        ("/assets/1/salt", json!("00".repeat(33)), None, "the salt has 33 bytes, use at most 32"),
        (
            "/assets/1/documents/0/sha256",
            json!("abcd"),
            None,
            "a SHA-256 has 32 bytes (64 hexadecimal digits), found 2 bytes",
        ),
        (
            "/validators/0/public_key",
            json!("abcd"),
            None,
            "an Ed25519 public key has 32 bytes (64 hexadecimal digits), found 2 bytes",
        ),
        // A point of small order: anyone can sign for it.
        (
            "/validators/0/public_key",
            json!("00".repeat(32)),
            None,
            &format!(
                "`{}` is not the public key of any Ed25519 key pair, copy it again",
                "00".repeat(32)
            ),
        ),
        (
            "/accounts/2/public_key",
            json!(other_key),
            None,
            &format!("this is the key of {bob}, not of {alice}: correct one"),
        ),
    ]);
}

#[test]
fn nothing_stands_twice() {
    let address = dev::address("issuer");
    let alice = dev::address("alice");
    let id = read(&example()).unwrap().assets[1].id();
    let key = hex::encode(dev::public_key("validator-1"));
    let too = |what: &str, first: &str| format!("{what} stands at {first} too, each needs its own");
    let validator = |name: &str, seed: &str| {
        let public_key = hex::encode(dev::public_key(seed));
        json!([
            { "name": "validator-1", "public_key": key, "power": 1 },
            { "name": name, "public_key": public_key, "power": 1 },
        ])
    };
    assert_each_refused(vec![
        (
            "/accounts/6",
            json!({ "address": address, "fee_credit": "0" }),
            Some("$.accounts[6].address"),
            &too(&format!("address `{address}`"), "$.accounts[0].address"),
        ),
        ("/accounts/3/name", json!("alice"), None, &too("name `alice`", "$.accounts[2].name")),
        ("/assets/2/name", json!("gold-bar"), None, &too("name `gold-bar`", "$.assets[1].name")),
        (
            "/assets/2/salt",
            json!(hex::encode("gold-bar")),
            None,
            &too(&format!("asset id (from issuer and salt) `{id}`"), "$.assets[1].salt"),
        ),
        (
            "/assets/1/holdings/1",
            json!({ "account": alice, "balance": "1" }),
            Some("$.assets[1].holdings[1].account"),
            &too(&format!("account `{alice}`"), "$.assets[1].holdings[0].account"),
        ),
        (
            "/appraisers/1",
            json!({ "address": dev::address("appraiser"), "name": "Again" }),
            Some("$.appraisers[1].address"),
            &too(&format!("address `{}`", dev::address("appraiser")), "$.appraisers[0].address"),
        ),
        (
            "/validators",
            validator("validator-1", "validator-2"),
            Some("$.validators[1].name"),
            &too("name `validator-1`", "$.validators[0].name"),
        ),
        (
            "/validators",
            validator("validator-2", "validator-1"),
            Some("$.validators[1].public_key"),
            &too(&format!("public key `{key}`"), "$.validators[0].public_key"),
        ),
    ]);
}

#[test]
fn the_fee_currency_is_an_active_currency() {
    assert_each_refused(vec![
        (
            "/params/fee_currency",
            json!("usd"),
            None,
            "there is no asset `usd`, did you mean `usdx`?",
        ),
        (
            "/params/fee_currency",
            json!("yen"),
            None,
            "there is no asset `yen`, add it to `assets` or name one of them",
        ),
        (
            "/assets/0/class",
            json!("good"),
            Some("$.params.fee_currency"),
            "`usdx` is of class good, fees need a `currency`",
        ),
    ]);
    let mut document = example();
    set(&mut document, "/assets/0/status", json!("proposed"));
    set(&mut document, "/assets/0/holdings", json!([]));
    let errors = read(&document).unwrap_err();
    let messages: Vec<_> = errors.errors().iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["`usdx` is proposed, fees need an `active` currency"]);
}

#[test]
fn supply_is_within_its_limit() {
    let (largest, half) = (Amount::MAX, json!((u128::MAX / 4).to_string()));
    let (alice, bob, carol) = (dev::address("alice"), dev::address("bob"), dev::address("carol"));
    let overflow: Vec<_> =
        [alice, bob, carol].iter().map(|a| json!({ "account": a, "balance": half })).collect();
    assert_each_refused(vec![
        (
            "/assets/1/holdings/0/balance",
            json!("101"),
            Some("$.assets[1].max_supply"),
            "holdings of `gold-bar` add up to 101, more than its max_supply of 100: raise \
             max_supply or lower them",
        ),
        (
            "/assets/1/holdings",
            json!(overflow),
            Some("$.assets[1].max_supply"),
            &format!(
                "holdings of `gold-bar` add up to more than the largest amount, {largest}: raise \
                 max_supply or lower them"
            ),
        ),
        // The holdings alone would fit exactly.
        (
            "/assets/0/max_supply",
            json!("1250000000000"),
            None,
            "holdings and fee credits of `usdx` add up to 1256000000000, more than its max_supply \
             of 1250000000000: raise max_supply or lower them",
        ),
        (
            "/assets/1/status",
            json!("proposed"),
            Some("$.assets[1].holdings"),
            "`gold-bar` is proposed and cannot be held, make it `active` or remove its \
             holdings",
        ),
    ]);
    let mut document = example();
    set(&mut document, "/assets/0/max_supply", json!("1256000000000"));
    assert!(read(&document).is_ok());
}

#[test]
fn accounts_of_the_chain_itself_are_refused() {
    let id = read(&example()).unwrap().assets[1].id();
    let refused = |who: &str| format!("this is {who}, which no key controls: use another");
    let fee_pool = json!({ "address": Address::fee_pool(), "fee_credit": "0" });
    assert_each_refused(vec![
        ("/accounts/6", fee_pool, Some("$.accounts[6].address"), &refused("the fee pool")),
        (
            "/assets/0/holdings/0/account",
            json!(Address::fee_pool()),
            None,
            &refused("the fee pool"),
        ),
        (
            "/assets/0/holdings/0/account",
            json!(Address::income_pool(&id)),
            None,
            &refused("the income pool of `gold-bar`"),
        ),
        (
            "/appraisers/0/address",
            json!(Address::treasury(&id)),
            None,
            &refused("the treasury of `gold-bar`"),
        ),
        (
            "/assets/2/issuer",
            json!(Address::treasury(&id)),
            None,
            &refused("the treasury of `gold-bar`"),
        ),
    ]);
    let mut document = example();
    set(&mut document, "/assets/0/holdings/0/account", json!(Address::treasury(&id)));
    assert!(read(&document).is_ok(), "a treasury may begin with holdings");
}

#[test]
fn validators_can_decide() {
    let limit = tessera_genesis::MAX_TOTAL_POWER;
    let validator = |number: u64, power: u64| {
        let name = format!("validator-{number}");
        json!({ "name": name, "public_key": hex::encode(dev::public_key(&name)), "power": power })
    };
    assert_each_refused(vec![
        (
            "/validators",
            json!([]),
            None,
            "there is no validator, add at least one with a power above zero",
        ),
        (
            "/validators",
            json!([validator(1, limit), validator(2, 1)]),
            None,
            "the validators' powers add up to 1152921504606846976, more than CometBFT's limit of \
             1152921504606846975: lower them in proportion",
        ),
    ]);
    let mut document = example();
    set(&mut document, "/validators", json!([validator(1, limit - 1), validator(2, 1)]));
    assert!(read(&document).is_ok());
}

#[test]
fn documents_of_an_asset_are_limited() {
    let mut document = example();
    let one = document["assets"][1]["documents"][0].clone();
    set(&mut document, "/assets/1/documents", json!(vec![one; 33]));
    assert_eq!(
        read(&document).unwrap_err().errors()[0].message,
        "33 documents are too many, list at most 32"
    );
}

#[test]
fn text_that_is_not_json_names_line_and_column() {
    for (text, expected) in [
        ("", "line 1, $: not valid JSON at column 0: EOF while parsing a value"),
        ("{\n  \"chain_id\" \"x\"\n}", "line 2, $: not valid JSON at column 14: expected `:`"),
        ("{}\n{}", "line 2, $: not valid JSON at column 1: trailing characters"),
    ] {
        let errors = Genesis::from_json(text).unwrap_err();
        assert_eq!(errors.errors().len(), 1);
        assert_eq!(errors.errors()[0].to_string(), expected);
    }
    for text in ["7", "null", "[]", "\"\\ud800\"", &"[".repeat(100_000), &"{\"a\":".repeat(9_999)] {
        assert!(Genesis::from_json(text).is_err());
    }
}

#[test]
fn every_error_is_reported_at_once_with_its_line() {
    let text = r#"{
  "chain_id": "Villa Chain",
  "genesis_time": "2026-11-21T12:00:00Z",
  "params": {
    "fee_currency": "usdx",
    "fee_per_transaction": "free",
    "fee_per_operation": 5,
    "max_validity_blocks": 0
  },
  "accounts": [
    { "address": "tsr1me", "fee_credit": "10" },
    17
  ],
  "assets": [
    {
      "name": "usdx", "title": "Dollar", "class": "curency",
      "issuer": "tsr1me", "salt": "", "decimals": 2,
      "max_supply": "5",
      "status": "active",
      "holding": []
    }
  ]
}"#;
    let errors = Genesis::from_json(text).unwrap_err();
    let places: Vec<_> =
        errors.errors().iter().map(|one| (one.line.unwrap(), one.path.as_str())).collect();
    assert_eq!(
        places,
        [
            (1, "$.validators"),
            (2, "$.chain_id"),
            (4, "$.params.fee_per_byte"),
            (6, "$.params.fee_per_transaction"),
            (8, "$.params.max_validity_blocks"),
            (11, "$.accounts[0].address"),
            (12, "$.accounts[1]"),
            (16, "$.assets[0].class"),
            (17, "$.assets[0].issuer"),
            (18, "$.assets[0].max_supply"),
            (20, "$.assets[0].holding"),
        ]
    );
    assert!(errors.to_string().starts_with("11 errors in the genesis document\n  line 1, $."));
}

#[test]
fn damaged_text_is_refused_or_read_but_never_breaks() {
    let original = dev_genesis();
    for position in (0..DEV_PRESET.len()).step_by(5) {
        for damage in ["", "\"", "{", "]", "9", "\u{0}", "é"] {
            let (before, after) = (&DEV_PRESET[..position], &DEV_PRESET[position + 1..]);
            if let Ok(genesis) = Genesis::from_json(&[before, damage, after].concat()) {
                assert_eq!(genesis.validate(), Ok(()));
                assert_eq!(genesis.hash() == original.hash(), genesis == original);
            }
        }
    }
}

#[test]
fn each_development_account_has_its_own_address() {
    let addresses: BTreeSet<_> = dev::ACCOUNTS.iter().map(|name| dev::address(name)).collect();
    assert_eq!(addresses.len(), dev::ACCOUNTS.len());
}

/// A document that goes on with the state of another chain.
fn goes_on() -> Genesis {
    let before = dev_genesis();
    let state = StateFile {
        file: "state.jsonl".to_owned(),
        sha256: [1; 32],
        leaves: 7,
        height: 12,
        app_hash: [2; 32],
    };
    Genesis {
        chain_id: before.chain_id,
        genesis_time: before.genesis_time,
        validators: before.validators,
        state: Some(state),
        ..Genesis::default()
    }
}

#[test]
fn a_document_may_go_on_with_a_state_instead_of_saying_one() {
    let genesis = goes_on();
    assert_eq!(genesis.validate(), Ok(()));
    assert_eq!(Genesis::from_json(&genesis.to_json()), Ok(genesis.clone()));
    assert!(!genesis.to_json().contains("accounts"));
    assert_eq!((genesis.base_height(), dev_genesis().base_height()), (12, 0));
    let mut other = genesis.clone();
    other.state.as_mut().unwrap().sha256[31] ^= 1;
    assert_ne!(other.hash(), genesis.hash());
}

#[test]
fn a_state_and_what_it_stands_for_cannot_both_be_said() {
    let both = Genesis { state: goes_on().state, ..dev_genesis() };
    let errors = both.validate().unwrap_err();
    let paths: Vec<&str> = errors.errors().iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["$.params", "$.accounts", "$.assets", "$.appraisers"]);
    assert!(errors.errors()[0].message.contains("`state` says that already"), "{errors}");
    for (file, height) in [("../state.jsonl", 1), ("/etc/passwd", 1), ("", 1), ("state", u64::MAX)]
    {
        let mut genesis = goes_on();
        let state = genesis.state.as_mut().unwrap();
        (state.file, state.height) = (file.to_owned(), height);
        assert_eq!(genesis.validate().unwrap_err().errors().len(), 1, "{file} {height}");
    }
}
