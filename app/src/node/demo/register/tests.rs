use tessera_proto::amount::Amount;

use super::*;

const ASSETS: &str = "name,title,class,decimals,max_supply,document_name,document_uri,\
document_sha256,appraisal_value,appraisal_method,appraisal_date,report_sha256,royalty_split\n";
const HOLDERS: &str = "asset,holder,units\n";
const PAYMENTS: &str = "asset,kind,amount,payer,memo\n";
const HASH: &str = "9c1f0000000000000000000000000000000000000000000000000000000000aa";

fn villa() -> String {
    format!(
        "villa-ardeche,Villa in Ardèche,real_estate,2,1000,Deed,https://example.org/deed,{HASH},\
         \"180,000.00\",comparable sales,2026-03-31,{HASH},Ada=7000;Ben=3000\n"
    )
}

fn now() -> Time {
    Time::parse_from_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

fn parse(assets: &str, holders: &str, payments: &str) -> Result<Register, Flaws> {
    let bytes = |text: &str| Ok(text.as_bytes().to_vec());
    let files = Files { assets: bytes(assets), holders: bytes(holders), payments: bytes(payments) };
    Register::parse(&files, now())
}

/// All flaws as a user reads them.
fn flaws(assets: &str, holders: &str, payments: &str) -> Vec<String> {
    match parse(assets, holders, payments) {
        Ok(_) => Vec::new(),
        Err(flaws) => flaws.list.iter().map(ToString::to_string).collect(),
    }
}

/// Flaws of the villa with one cell changed.
fn villa_flaws(old: &str, new: &str) -> Vec<String> {
    let line = villa();
    assert!(line.contains(old), "{old}");
    flaws(&format!("{ASSETS}{}", line.replacen(old, new, 1)), HOLDERS, PAYMENTS)
}

fn holder_flaws(lines: &str) -> Vec<String> {
    flaws(&format!("{ASSETS}{}", villa()), &format!("{HOLDERS}{lines}"), PAYMENTS)
}

fn payment_flaws(lines: &str) -> Vec<String> {
    let assets = format!("{ASSETS}{}{}", villa(), villa_without_split("empty-plot"));
    let holders = format!("{HOLDERS}villa-ardeche,Mia Roux,1\n");
    flaws(&assets, &holders, &format!("{PAYMENTS}{lines}"))
}

fn villa_without_split(name: &str) -> String {
    villa().replace("villa-ardeche", name).replace("Ada=7000;Ben=3000", "")
}

#[test]
fn a_good_register_is_read_exactly() {
    let register = parse(
        &format!("{ASSETS}{}", villa()),
        &format!("{HOLDERS}villa-ardeche,Mia Roux,12.50\nvilla-ardeche,\"Ng, Tom\",987.50\n"),
        &format!("{PAYMENTS}villa-ardeche,income,\"10,000.00\",Otto,Rent\nvilla-ardeche,royalty,0.000001,Otto,\n"),
    )
    .unwrap();
    let villa = &register.assets[0];
    assert_eq!((villa.line, villa.max_supply), (2, Amount::from_u64(100_000)));
    assert_eq!(villa.appraisal.value, Amount::from_u64(180_000_000_000));
    assert_eq!(villa.appraisal.valid_from_ms, 1_774_915_200_000);
    assert_eq!(villa.royalty_split, [("Ada".to_owned(), 7000), ("Ben".to_owned(), 3000)]);
    assert_eq!((villa.document_sha256[0], villa.document_sha256[31]), (0x9c, 0xaa));
    let second = &register.holders[1];
    assert_eq!((second.line, second.holder.as_str()), (3, "Ng, Tom"));
    assert_eq!(second.units, Amount::from_u64(98_750));
    let kinds: Vec<_> = register.payments.iter().map(|row| (row.kind, row.amount)).collect();
    assert_eq!(
        kinds,
        [
            (PaymentKind::Income, Amount::from_u64(10_000_000_000)),
            (PaymentKind::Royalty, Amount::from_u64(1)),
        ]
    );
    assert_eq!(register.payments[1].memo, None);
}

#[test]
fn columns_may_stand_in_any_order_and_a_byte_order_mark_before_them() {
    let holders = "\u{feff}units,asset,holder\r\n\r\n5,villa-ardeche,Mia Roux\r\n";
    let register = parse(&format!("{ASSETS}{}", villa()), holders, PAYMENTS).unwrap();
    assert_eq!(register.holders[0].units, Amount::from_u64(500));
    assert_eq!(register.holders[0].line, 3);
}

#[test]
fn every_cell_of_an_asset_is_checked() {
    for (old, new, expected) in [
        ("villa-ardeche", "Villa", "assets.csv:2 name: "),
        ("Villa in Ardèche", "", "assets.csv:2 title: is empty"),
        ("Villa in Ardèche", " Villa", "assets.csv:2 title: ` Villa` begins or ends with a space"),
        (
            "real_estate",
            "house",
            "assets.csv:2 class: `house` is not a class, expected one of real_estate, commodity",
        ),
        (
            ",2,1000",
            ",19,1000",
            "assets.csv:2 decimals: `19` is not a number of decimals from 0 to 18",
        ),
        (",2,1000", ",+2,1000", "assets.csv:2 decimals: `+2` is not"),
        (
            ",2,1000",
            ",2,many",
            "assets.csv:2 max_supply: `many` is not a number like 1500 or 12.50",
        ),
        (",2,1000", ",2,0", "assets.csv:2 max_supply: is 0, expected more"),
        (",2,1000", ",2,0.001", "assets.csv:2 max_supply: `0.001` has more than the 2 decimals"),
        (HASH, "9c1f", "assets.csv:2 document_sha256: `9c1f` is not a SHA-256 hash"),
        ("\"180,000.00\"", "-5", "assets.csv:2 appraisal_value: `-5` is not a number"),
        ("comparable sales", "", "assets.csv:2 appraisal_method: is empty"),
        ("2026-03-31", "2026-02-30", "assets.csv:2 appraisal_date: `2026-02-30` is not a date"),
        ("2026-03-31", "31.3.2026", "assets.csv:2 appraisal_date: `31.3.2026` is not a date"),
        ("2026-03-31", "2027-01-01", "assets.csv:2 appraisal_date: 2027-01-01 is in the future"),
        ("Ada=7000", "Ada", "assets.csv:2 royalty_split: `Ada` is not a part of a split"),
        ("Ada=7000", "Ada=0", "assets.csv:2 royalty_split: `Ada=0` is not a part of a split"),
        ("Ada=7000", "Ben=7000", "assets.csv:2 royalty_split: `Ben` appears more than once"),
        ("Ada=7000", "Ada=6000", "assets.csv:2 royalty_split: the parts add up to 9000"),
        ("Ada=7000", "issuer=7000", "assets.csv:2 royalty_split: `issuer` is an account of the"),
    ] {
        let found = villa_flaws(old, new);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{old} → {new}: {found:?}");
    }
    let long = "x".repeat(121);
    assert_eq!(
        villa_flaws("Villa in Ardèche", &long),
        ["assets.csv:2 title: has 121 bytes, at most 120 are allowed"]
    );
}

#[test]
fn an_asset_is_named_once() {
    let twice = format!("{ASSETS}{}{}", villa(), villa());
    let expected = "assets.csv:3 name: asset `villa-ardeche` is on line 2 already";
    assert_eq!(flaws(&twice, HOLDERS, PAYMENTS), [expected]);
}

#[test]
fn holders_are_checked_against_the_assets() {
    for (lines, expected) in [
        (
            "vila-ardeche,Mia,5",
            "holders.csv:2 asset: no asset is named `vila-ardeche` in assets.csv",
        ),
        ("villa-ardeche,,5", "holders.csv:2 holder: is empty"),
        (
            "villa-ardeche,appraiser,5",
            "holders.csv:2 holder: `appraiser` is an account of the import",
        ),
        ("villa-ardeche,Mia,", "holders.csv:2 units: is empty"),
        ("villa-ardeche,Mia,0.00", "holders.csv:2 units: is 0, expected more"),
        ("villa-ardeche,Mia,five", "holders.csv:2 units: `five` is not a number"),
        ("villa-ardeche,Mia,1.005", "holders.csv:2 units: `1.005` has more than the 2 decimals"),
        (
            "villa-ardeche,Mia,5\nvilla-ardeche,Tom,5\nvilla-ardeche,Mia,6",
            "holders.csv:4 holder: `Mia` holds `villa-ardeche` on line 2 already",
        ),
        (
            "villa-ardeche,Mia,600\nvilla-ardeche,Tom,400.01\nvilla-ardeche,Eve,1",
            "holders.csv:3 units: with this line 1,000.01 of `villa-ardeche` are held, its maximum \
             supply is 1,000.00",
        ),
        ("villa-ardeche,Mia", "holders.csv:2: the line has 2 cells, expected 3"),
        ("villa-ardeche,Mia,5,", "holders.csv:2: the line has 4 cells, expected 3"),
    ] {
        let found = holder_flaws(lines);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{lines}: {found:?}");
    }
}

#[test]
fn payments_need_somebody_to_receive_them() {
    for (line, expected) in [
        ("villa-ardeche,rent,5,Otto,", "payments.csv:2 kind: `rent` is not a kind of payment"),
        (
            "villa-ardeche,income,0.0000001,Otto,",
            "payments.csv:2 amount: `0.0000001` has more than the 6",
        ),
        ("villa-ardeche,income,5,issuer,", "payments.csv:2 payer: `issuer` is an account of"),
        ("nothing,income,5,Otto,", "payments.csv:2 asset: no asset is named `nothing`"),
        ("empty-plot,income,5,Otto,", "payments.csv:2 kind: `empty-plot` has no holders"),
        ("empty-plot,royalty,5,Otto,", "payments.csv:2 kind: `empty-plot` has no royalty_split"),
    ] {
        let found = payment_flaws(line);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{line}: {found:?}");
    }
    let huge = format!("villa-ardeche,income,{},Otto,\n", 1_u128 << 105);
    let found = payment_flaws(&huge.repeat(3));
    assert_eq!(
        found,
        ["payments.csv:4 amount: with this line more is paid than can exist of the currency"]
    );
}

#[test]
fn files_that_are_no_tables_are_told() {
    let assets = format!("{ASSETS}{}", villa());
    assert_eq!(
        flaws(&assets, "", PAYMENTS),
        ["holders.csv: is empty, expected a line of column names: asset,holder,units"]
    );
    assert_eq!(
        flaws(ASSETS, HOLDERS, PAYMENTS),
        ["assets.csv: has no lines below its column names, expected at least one asset"]
    );
    assert_eq!(
        flaws(&assets, "asset;holder;units\n", PAYMENTS),
        [
            "holders.csv:1: `asset;holder;units` is not a column of this file, expected asset, \
             holder, units",
            "holders.csv:1: has no column `asset`",
            "holders.csv:1: has no column `holder`",
            "holders.csv:1: has no column `units`",
        ]
    );
    assert_eq!(
        flaws(&assets, "asset,holder,units,units\n", PAYMENTS),
        ["holders.csv:1 units: column `units` appears more than once"]
    );
    let files = Files {
        assets: Err("no such file".to_owned()),
        holders: Ok(format!("{HOLDERS}anything,Mia,5\n").into_bytes()),
        payments: Ok(PAYMENTS.as_bytes().to_vec()),
    };
    let error = Register::parse(&files, now()).unwrap_err();
    assert_eq!(error.to_string(), "  assets.csv: cannot be read: no such file");
}

#[test]
fn bytes_that_are_not_text_are_told_with_their_cell() {
    let mut holders = format!("{HOLDERS}villa-ardeche,Mia,5\nvilla-ardeche,Ren").into_bytes();
    holders.extend(b"\xe9,5\n");
    let files = Files {
        assets: Ok(format!("{ASSETS}{}", villa()).into_bytes()),
        holders: Ok(holders),
        payments: Ok(PAYMENTS.as_bytes().to_vec()),
    };
    let error = Register::parse(&files, now()).unwrap_err();
    let flaw = error.list.first().unwrap();
    assert_eq!(
        (flaw.file, flaw.line, flaw.column.as_deref()),
        ("holders.csv", Some(3), Some("holder"))
    );
    assert_eq!(flaw.kind, FlawKind::NotUtf8(4));
}

#[test]
fn all_flaws_are_told_at_once_and_one_bad_asset_does_not_spoil_its_holders() {
    let assets = format!("{ASSETS}{}", villa().replace("real_estate", "house"));
    let found = flaws(
        &assets,
        &format!("{HOLDERS}villa-ardeche,Mia,5\nvilla,Tom,x\n"),
        &format!("{PAYMENTS}villa-ardeche,income,5,Otto,\nvilla-ardeche,,5,Otto,\n"),
    );
    let places: Vec<_> = found.iter().map(|flaw| flaw.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        ["assets.csv:2 class", "holders.csv:3 asset", "holders.csv:3 units", "payments.csv:3 kind"]
    );
}

#[test]
fn lines_are_counted_through_quoted_line_breaks_and_either_line_end() {
    let holders =
        "asset,holder,units\r\n\r\nvilla-ardeche,\"Mia\r\nRoux\",5\r\nvilla-ardeche,Tom,x\r\n";
    let found = flaws(&format!("{ASSETS}{}", villa()), holders, PAYMENTS);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("holders.csv:3 holder: `Mia"), "{found:?}");
    assert!(found[1].starts_with("holders.csv:5 units: "), "{found:?}");
}

#[test]
fn the_sample_register_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/register");
    let register = Register::read(&folder, now()).unwrap_or_else(|flaws| panic!("{flaws}"));
    assert!(register.assets.len() >= 40 && register.payments.len() >= 24);
    let holders: std::collections::BTreeSet<_> =
        register.holders.iter().map(|row| &row.holder).collect();
    assert!(holders.len() >= 2_000, "{}", holders.len());
}
