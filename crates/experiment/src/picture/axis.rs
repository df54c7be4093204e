/// Round values within [min, max], about `count` of them, ascending.
pub(crate) fn ticks(min: f64, max: f64, count: usize) -> Vec<f64> {
    let span = max - min;
    if span <= 0.0 || !span.is_finite() || count == 0 {
        return Vec::new();
    }
    let step = round_step(span / count as f64);
    let first = (min / step - 1e-9).ceil() as i64;
    let last = (max / step + 1e-9).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// The tick as text, with as many decimals as tell it from its neighbors.
pub(crate) fn tick_label(value: f64, ticks: &[f64]) -> String {
    let step = if ticks.len() > 1 { ticks[1] - ticks[0] } else { 1.0 };
    let decimals = (0..6).find(|decimals| {
        let scaled = step * 10f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    let text = format!("{value:.*}", decimals.unwrap_or(6) as usize);
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is not below.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let rest = raw / power;
    let factor =
        [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| rest <= factor * (1.0 + 1e-9)).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(-0.3, 0.3, 6).len(), 7);
        assert_eq!(ticks(20.0, 20.0, 5), Vec::<f64>::new());
        let fine = ticks(1.0, 2.0, 4);
        assert_eq!(tick_label(fine[1], &fine), "1.25");
        assert_eq!(tick_label(-0.0, &[0.0, 5.0]), "0");
    }
}
