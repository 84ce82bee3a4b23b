//! Parts of a year between two days, as bonds count them.
//!
//! Days are counted from 1970-01-01; the calendar is the Gregorian one.

use tessera_proto::pb::distributions::v1::DayCount;

/// An exact part of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearFraction {
    /// Above or equal to zero.
    pub numerator: u128,
    /// Above zero.
    pub denominator: u128,
}

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

/// The part of a year from the first day to the second, which does not count; none when the second
/// is not later or the way of counting is unknown.
#[must_use]
pub fn year_fraction(rule: DayCount, from: u32, to: u32) -> Option<YearFraction> {
    let actual = u128::from(to.checked_sub(from).filter(|days| *days > 0)?);
    let of = |numerator, denominator| Some(YearFraction { numerator, denominator });
    match rule {
        DayCount::Unspecified => None,
        DayCount::Thirty360 => of(thirty_360_days(date(from)?, date(to)?)?, 360),
        DayCount::Actual365Fixed => of(actual, 365),
        DayCount::Actual360 => of(actual, 360),
        DayCount::ActualActualIsda => {
            let leap = u128::from(leap_days_before(to)?.checked_sub(leap_days_before(from)?)?);
            let common = actual.checked_sub(leap)?;
            let numerator = leap.checked_mul(365)?.checked_add(common.checked_mul(366)?)?;
            of(numerator, 365 * 366)
        }
    }
}

/// Days from the first date to the second if every month had 30: ISDA 2006, 4.16(f).
fn thirty_360_days(from: Date, to: Date) -> Option<u128> {
    let first = from.day.min(30);
    let second = if to.day == 31 && first == 30 { 30 } else { to.day };
    let years = to.year.checked_sub(from.year)?.checked_mul(360)?;
    let months = to.month.checked_sub(from.month)?.checked_mul(30)?;
    let days = second.checked_sub(first)?;
    let sum = years.checked_add(months)?.checked_add(days)?;
    // The last day of February and the day after it are two days apart at most backwards.
    u128::try_from(sum).ok()
}

/// Days of leap years from 1970 up to a day.
fn leap_days_before(day: u32) -> Option<u32> {
    let year = date(day)?.year;
    let mut leap = 0_u32;
    for earlier in 1970..year {
        if is_leap(earlier) {
            leap = leap.checked_add(366)?;
        }
    }
    if is_leap(year) {
        leap = leap.checked_add(day.checked_sub(first_of_year(year)?)?)?;
    }
    Some(leap)
}

/// 1 January of a year.
fn first_of_year(year: i64) -> Option<u32> {
    let before = year.checked_sub(1)?;
    let leaps = |year: i64| -> Option<i64> {
        let (fours, hundreds) = (year.checked_div(4)?, year.checked_div(100)?);
        fours.checked_sub(hundreds)?.checked_add(year.checked_div(400)?)
    };
    let leap_days = leaps(before)?.checked_sub(leaps(1969)?)?;
    let days = year.checked_sub(1970)?.checked_mul(365)?.checked_add(leap_days)?;
    u32::try_from(days).ok()
}

fn is_leap(year: i64) -> bool {
    let divides = |by: i64| year.checked_rem(by) == Some(0);
    divides(4) && (!divides(100) || divides(400))
}

/// The date of a day.
fn date(day: u32) -> Option<Date> {
    let day_number = i64::from(day);
    // Never later than the year itself, and at most one year too early.
    let mut year = day_number.checked_div(366)?.checked_add(1970)?;
    while first_of_year(year.checked_add(1)?)? <= day {
        year = year.checked_add(1)?;
    }
    let mut left = day_number.checked_sub(i64::from(first_of_year(year)?))?;
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, length) in (1..).zip(months) {
        if left < length {
            return Some(Date { year, month, day: left.checked_add(1)? });
        }
        left = left.checked_sub(length)?;
    }
    None
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;

    /// A day by its date.
    fn day(year: i64, month: i64, day: i64) -> u32 {
        let first = first_of_year(year).unwrap();
        let found = (first..first + 366).find(|one| date(*one) == Some(Date { year, month, day }));
        found.unwrap()
    }

    fn interest(rule: DayCount, from: u32, to: u32) -> u128 {
        // Hundredths of 10 % of 10,000, rounded.
        let YearFraction { numerator, denominator } = year_fraction(rule, from, to).unwrap();
        (numerator * 100_000 * 2 + denominator) / (denominator * 2)
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), Some(Date { year: 1970, month: 1, day: 1 }));
        assert_eq!(day(2000, 2, 29), 11_016);
        assert_eq!(day(2000, 3, 1), 11_017);
        assert_eq!(day(2026, 11, 21), 20_778);
        assert_eq!(day(2100, 3, 1) - day(2100, 2, 28), 1);
        assert_eq!(date(376_000).map(|date| date.year), Some(2999));
    }

    /// The examples of ISDA's memorandum "The actual/actual day count fraction" (1999): interest
    /// of 10 % on 10,000.
    #[test]
    fn golden_actual_actual_isda() {
        let rule = DayCount::ActualActualIsda;
        for (from, to, cents) in [
            (day(2003, 11, 1), day(2004, 5, 1), 49_772),
            (day(1999, 2, 1), day(1999, 7, 1), 41_096),
            (day(1999, 7, 1), day(2000, 7, 1), 100_138),
            (day(2002, 8, 15), day(2003, 7, 15), 91_507),
            (day(2003, 7, 15), day(2004, 1, 15), 50_400),
            (day(1999, 7, 30), day(2000, 1, 30), 50_389),
            (day(2000, 1, 30), day(2000, 6, 30), 41_530),
        ] {
            assert_eq!(interest(rule, from, to), cents, "{from} to {to}");
        }
    }

    #[test]
    fn golden_actual_over_a_fixed_year() {
        let (from, to) = (day(2003, 11, 1), day(2004, 5, 1));
        assert_eq!(interest(DayCount::Actual365Fixed, from, to), 49_863);
        assert_eq!(interest(DayCount::Actual360, from, to), 50_556);
        assert_eq!(interest(DayCount::Thirty360, from, to), 50_000);
    }

    /// The days of the table of examples that ISDA gives with section 4.16(f) of its definitions of
    /// 2006, 30/360 (bond basis).
    #[test]
    fn golden_thirty_360() {
        for (from, to, days) in [
            ((2007, 1, 15), (2007, 1, 30), 15),
            ((2007, 1, 15), (2007, 2, 15), 30),
            ((2007, 1, 15), (2007, 7, 15), 180),
            ((2007, 9, 30), (2008, 3, 31), 180),
            ((2007, 9, 30), (2007, 10, 31), 30),
            ((2007, 9, 30), (2008, 9, 30), 360),
            ((2007, 1, 15), (2007, 1, 31), 16),
            ((2007, 1, 31), (2007, 2, 28), 28),
            ((2007, 2, 28), (2007, 3, 31), 33),
            ((2006, 8, 31), (2007, 2, 28), 178),
            ((2007, 2, 28), (2007, 8, 31), 183),
            ((2007, 2, 14), (2007, 2, 28), 14),
            ((2007, 2, 26), (2008, 2, 29), 363),
            ((2008, 2, 29), (2009, 2, 28), 359),
            ((2008, 2, 29), (2008, 3, 30), 31),
            ((2008, 2, 29), (2008, 3, 31), 32),
            ((2007, 2, 28), (2007, 3, 5), 7),
            ((2007, 10, 31), (2007, 11, 28), 28),
            ((2007, 8, 31), (2008, 2, 29), 179),
            ((2008, 2, 29), (2008, 8, 31), 182),
        ] {
            let (from, to) = (day(from.0, from.1, from.2), day(to.0, to.1, to.2));
            let fraction = year_fraction(DayCount::Thirty360, from, to).unwrap();
            assert_eq!((fraction.numerator, fraction.denominator), (days, 360), "{from} to {to}");
        }
    }

    /// A calendar that is walked day by day, with nothing of the code above.
    fn calendar() -> impl Iterator<Item = (u32, (i64, i64, i64))> {
        let first = (1970, 1, 1);
        (0..).zip(std::iter::successors(Some(first), |(year, month, day)| {
            let length = match month {
                2 if year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            Some(match (*month, *day) {
                (12, 31) => (year + 1, 1, 1),
                (month, day) if day == length => (*year, month + 1, 1),
                (month, day) => (*year, month, day + 1),
            })
        }))
    }

    /// The definitions of ISDA 2006 as they are worded there, section 4.16: (b) actual/actual,
    /// (d) actual/365 (fixed), (e) actual/360, (f) 30/360, on every pair of many days.
    #[test]
    fn every_rule_is_its_definition_in_section_4_16_of_isda_2006() {
        // Ends of years and of February, leap and not, around 2000 and 2100.
        let years = [1970, 1971, 1972, 1999, 2000, 2001, 2007, 2008, 2099, 2100, 2101];
        let near = |(_, (year, month, day)): &(u32, (i64, i64, i64))| {
            years.contains(year)
                && (matches!((*month, *day), (2, 27..) | (3, 1..3) | (8 | 12, 30..) | (1, 1 | 15)))
        };
        let last_year = |(_, (year, ..)): &(u32, (i64, i64, i64))| *year < 2102;
        let all: Vec<_> = calendar().take_while(last_year).collect();
        let days: Vec<_> = all.iter().filter(|day| near(day)).collect();
        assert!(days.len() > 90, "{}", days.len());
        for (index, (from, (y1, m1, d1))) in days.iter().enumerate() {
            let mut leap = 0_u128;
            let mut walked = usize::try_from(*from).unwrap();
            for (to, (y2, m2, d2)) in &days[index + 1..] {
                // (b): days in a leap year over 366, the others over 365.
                let end = usize::try_from(*to).unwrap();
                for (_, (year, ..)) in &all[walked..end] {
                    leap += u128::from(year % 400 == 0 || (year % 4 == 0 && year % 100 != 0));
                }
                walked = end;
                let actual = u128::from(to - from);
                let both = leap * 365 + (actual - leap) * 366;
                // (f): the formula, with D1 31 read as 30, and then D2 31 if D1 is above 29.
                let first = if *d1 == 31 { 30 } else { *d1 };
                let second = if *d2 == 31 && first > 29 { 30 } else { *d2 };
                let bond = 360 * (y2 - y1) + 30 * (m2 - m1) + (second - first);
                for (rule, numerator, denominator) in [
                    (DayCount::ActualActualIsda, both, 365 * 366),
                    (DayCount::Actual365Fixed, actual, 365),
                    (DayCount::Actual360, actual, 360),
                    (DayCount::Thirty360, u128::try_from(bond).unwrap(), 360),
                ] {
                    let expected = Some(YearFraction { numerator, denominator });
                    assert_eq!(year_fraction(rule, *from, *to), expected, "{rule:?} {from} {to}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_go_forward_is_no_period() {
        for rule in [DayCount::Thirty360, DayCount::Actual360, DayCount::Unspecified] {
            assert_eq!(year_fraction(rule, 10, 10), None);
            assert_eq!(year_fraction(rule, 10, 9), None);
        }
        assert_eq!(year_fraction(DayCount::Unspecified, 9, 10), None);
    }
}
