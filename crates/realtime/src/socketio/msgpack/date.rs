//! Dates as JavaScript's JSON writes them.

const SECONDS_PER_DAY: i64 = 86_400;
/// JavaScript's dates end 100 million days from 1970 on either side.
const DAYS: i64 = 100_000_000;

/// `2026-11-24T08:00:00.000Z`, from the time since 1970.
pub(super) fn iso(seconds: i64, millis: i64) -> Option<String> {
    let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    if !(-DAYS..=DAYS).contains(&days) || !(0..1000).contains(&millis) {
        return None;
    }
    let (year, month, day) = civil(days);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"))
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar.
/// Years are counted from 1 March, so that the leap day is the last of a year;
/// 400 years have 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let since_0000_03_01 = days + 719_468;
    let (era, day_of_era) = (since_0000_03_01.div_euclid(146_097), since_0000_03_01.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days, whichever five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::iso;

    #[test]
    fn writes_dates_as_javascript_does() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (1_795_507_200, 7, "2026-11-24T08:00:00.007Z"),
            (951_782_399, 999, "2000-02-28T23:59:59.999Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
            (-1, 0, "1969-12-31T23:59:59.000Z"),
            (253_402_300_800, 0, "+010000-01-01T00:00:00.000Z"),
            (-62_198_755_200, 0, "-000001-01-01T00:00:00.000Z"),
        ];
        for (seconds, millis, expected) in cases {
            assert_eq!(iso(seconds, millis).as_deref(), Some(expected));
        }
        assert_eq!(iso(i64::MAX, 0), None);
        assert_eq!(iso(0, 1000), None);
    }
}
